"""A daemon's port: clients, operators, and what can be seen of it all, put together once.

Used by the plugins of all daemons that speak the protocol.
"""

import os
from collections.abc import Sequence
from typing import Any

from protocol.messages import Health
from service.common_verbs import CommonVerbs
from service.credentials import VerifierSource
from service.daemon import DaemonOptions, Listener, Watch, stop_once
from service.figures import Figure
from service.intake import intake_figures
from service.operations import OperatedService, Verb
from service.server import Service, WireServerFactory
from service.server_figures import server_figures
from service.time import make_timers_monotonic
from twistd_plugins.security import SecurityLog


class OperatedPort:
    """The port of a service that operators may ask as well.

    :param security: keeps who logged in, and what operators asked.
    :ivar listener: opens and closes the port.
    :ivar watch: what the daemon lets be seen of itself.
    """

    def __init__(
        self,
        reactor: Any,
        options: DaemonOptions,
        service: Service,
        verifiers: VerifierSource,
        figures: Sequence[Figure],
        verbs: Sequence[Verb],
        security: SecurityLog | None = None,
    ) -> None:
        make_timers_monotonic(reactor)
        name = options["name"]
        operated = OperatedService(service)
        self._service = service
        limits = options.limits
        self.factory = WireServerFactory(reactor, name, operated, verifiers, os.urandom(32), limits)
        self.listener = Listener(reactor, options["listen"], self.factory, limits)
        everything = [
            *server_figures(self.factory),
            *intake_figures(self.listener.intake),
            *figures,
        ]
        self.watch = Watch(everything, self._health)
        common = CommonVerbs(
            reactor,
            name,
            self.factory,
            everything,
            self._health,
            options,
            lambda: stop_once(reactor),
        )
        if security is not None:
            self.factory.on_log_in = security.log_in
            operated.on_asked = security.asked
        operated.offer([*common.verbs(), *verbs])

    def _health(self) -> Health:
        if self.factory.is_draining:
            return Health(False, "it drains: no new requests are taken")
        return self._service.health()

    @property
    def address(self) -> str:
        """Where it listens, as a client endpoint."""
        return self.listener.address
