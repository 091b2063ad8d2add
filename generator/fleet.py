"""Connections to all nodes: one each, kept up as far as the nodes are.

Used by the driver. A node that goes away or drains is down until it can be logged in to again.
"""

from collections.abc import Callable, Mapping
from functools import partial

from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred, TimeoutError, gatherResults
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from protocol.errors import TradeError
from service.client import ClientProtocol, staying_connected
from service.credentials import Credential

CONNECT_S_MAX = 30.0


class NoNode(Exception):
    """No node could be reached, or none let us in; the message says why."""


class Fleet:
    """The nodes, by name.

    :ivar up: the nodes that take commands now.
    :ivar on_up, on_down: called with a node's name when that changes; set before `open`.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        endpoints: Mapping[str, IStreamClientEndpoint],
        credential: Credential,
        random: Callable[[], float],
    ) -> None:
        self.up: dict[str, ClientProtocol] = {}
        self.on_up: Callable[[str], None] = lambda _name: None
        self.on_down: Callable[[str], None] = lambda _name: None
        self._clock = clock
        self._refused: str | None = None
        self._first_up: Deferred[None] | None = None
        self._services: list[ClientService] = [
            staying_connected(
                endpoint,
                clock,
                "daytrade generator",
                credential,
                partial(self._connected, name),
                random,
            )
            for name, endpoint in endpoints.items()
        ]

    async def open(self) -> None:
        """Connect to the nodes; raises `NoNode` where not one can be reached."""
        self._first_up = Deferred()
        first_tries: list[Deferred[object]] = []
        for service in self._services:
            service.startService()
            first_try = service.whenConnected(failAfterFailures=3)
            first_tries.append(first_try.addErrback(self._note_refusal))
        gatherResults(first_tries).addCallback(self._all_tried)
        self._first_up.addTimeout(CONNECT_S_MAX, self._clock)
        try:
            await self._first_up
        except TimeoutError:
            await self.close()
            raise NoNode("no node answered in time") from None
        except NoNode:
            await self.close()
            raise

    def _note_refusal(self, failure: object) -> None:
        reason = getattr(failure, "value", failure)
        self._refused = reason.message if isinstance(reason, TradeError) else str(reason)

    def _all_tried(self, _results: object) -> None:
        if self._first_up is not None and not self._first_up.called and not self.up:
            self._first_up.errback(NoNode(self._refused or "not one node can be reached"))

    def _connected(self, name: str, protocol: ClientProtocol) -> None:
        protocol.on_end = lambda: self._lost(name, protocol)
        protocol.on_drain = lambda: self._lost(name, protocol)
        self.up[name] = protocol
        if self._first_up is not None and not self._first_up.called:
            self._first_up.callback(None)
        self.on_up(name)

    def _lost(self, name: str, protocol: ClientProtocol) -> None:
        if self.up.get(name) is protocol:
            del self.up[name]
            self.log.warn("{name} is down", name=name)
            self.on_down(name)

    async def close(self) -> None:
        """Let go of all nodes."""
        for service in self._services:
            await service.stopService()
