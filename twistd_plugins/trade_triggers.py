"""`twistd trade-triggers`: the trigger service."""

import os
import random
import secrets
from typing import Any

from twisted.application.service import IService

from audit.figures import shipper_figures
from audit.milestones import TimesVerb
from audit.shipper import Shipper
from ledger.postgres.store import PostgresStore
from protocol.messages import Health
from quote_proxy.figures import cache_figures
from quote_proxy.operations import CacheVerbs
from service.daemon import DaemonOptions, client_endpoint, daemon_service
from service.operations import NoTrade
from service.ordered import Step, exit_with_failure
from trigger.figures import trigger_figures
from trigger.standby import Standby
from trigger.trading import TriggerService
from twistd_plugins.common import (
    check_endpoints,
    credential_option,
    database_option,
    named_endpoints,
)
from twistd_plugins.port import OperatedPort
from twistd_plugins.prices import QUOTES_OPTION, PriceRoute
from twistd_plugins.security import SecurityLog


class Options(DaemonOptions):
    """What the trigger service is told on the command line."""

    optParameters: list[list[Any]] = [
        ["listen", "l", "tcp:12450:interface=127.0.0.1", "Endpoint for operators."],
        ["name", "n", "triggers-1", "The service's name; no two of one ledger may share it."],
        ["stream", None, "triggers", "What services that stand by for each other have in common."],
        ["database", "d", None, "DSN of the ledger's Postgres."],
        QUOTES_OPTION,
        ["legacy", None, "tcp:127.0.0.1:12300", "Endpoint of the legacy quote server."],
        ["audit", "a", "tcp:127.0.0.1:12200", "Endpoint of the audit daemon."],
        ["credential", "c", None, "File with the name and password for the audit daemon."],
    ]

    def postOptions(self) -> None:
        """Check what can be checked without asking anybody."""
        database_option(self)
        named_endpoints(None, "quotes", self["quotes"])
        check_endpoints(self, clients=("legacy", "audit"), servers=("listen",))
        self.credential = credential_option(self.required_path("credential"))


def makeService(options: Options, reactor: Any = None) -> IService:
    """Build the trigger service: its store, its own quote cache and its way to the audit daemon."""
    if reactor is None:
        from twisted.internet import reactor as global_reactor

        reactor = global_reactor
    name, stream = options["name"], options["stream"]
    store = PostgresStore(reactor, options["database"])
    shipper = Shipper(
        reactor,
        client_endpoint(reactor, options["audit"]),
        options.credential,
        store,
        f"{stream}/0",
        random.random,
    )

    prices = PriceRoute(reactor, options, options.credential)

    def fenced() -> None:
        exit_with_failure(reactor, f"{name}: another trigger service has taken over")

    triggers = TriggerService(
        reactor,
        stream,
        store,
        prices.source,
        shipper,
        store.listen_armed,
        prices.source,
        fenced,
    )
    prices.source.on_news = triggers.quotes.offer

    holder = f"{name} {os.getpid()} {secrets.token_hex(4)}"
    standby = Standby(reactor, store, stream, holder, triggers.start, fenced)

    figures = [
        *trigger_figures(triggers, standby),
        *shipper_figures({f"{stream}/0": shipper, "hits": prices.hits.shipper}),
        *cache_figures(triggers.quotes),
        *prices.figures,
    ]
    service = NoTrade(lambda: _health(triggers, standby))
    security = SecurityLog.shipped(reactor, options, options.credential)
    times = TimesVerb(triggers.steady.at_ms, {f"{stream}/0": shipper.stages})
    verbs = [*CacheVerbs(triggers.quotes).verbs(), times.verb(), prices.legacy_verb]
    port = OperatedPort(reactor, options, service, store, figures, verbs, security)

    async def end_sessions() -> None:
        port.factory.close_all()

    async def start_shipping() -> None:
        shipper.start()

    async def close_store() -> None:
        store.close()

    steps = [
        *security.steps,
        Step("store", stop=close_store),
        Step("prices", prices.start, prices.stop, stop_timeout_s=5.0),
        Step("audit records", start_shipping, shipper.stop),
        Step("last audit records", stop=shipper.drain, stop_timeout_s=5.0),
        Step("triggers", stop=triggers.stop),
        Step("standby", standby.start, standby.stop),
        Step("sessions", stop=end_sessions),
        Step("port", port.listener.open, port.listener.close),
    ]
    return daemon_service(reactor, options, name, steps, lambda: port.address, port.watch)


def _health(triggers: TriggerService, standby: Standby) -> Health:
    """A service that stands by is ready for its turn."""
    return triggers.health() if standby.is_active else Health(True, "standing by")
