"""Connections to all nodes: one each, kept up as far as the nodes are.

Used by the driver. A node that goes away or drains is down until it can be logged in to again.
"""

from collections.abc import Callable, Mapping
from functools import partial

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from protocol.errors import TradeError
from service.client import ClientProtocol
from service.credentials import Credential
from service.reconnecting import StayingConnected

CONNECT_S_MAX = 30.0
TRIES = 3
"""Failures of every node after which a run that never began is given up."""


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
        self._failures: dict[str, int] = dict.fromkeys(endpoints, 0)
        self._first_up: Deferred[None] = Deferred()
        self._services = [
            StayingConnected(
                endpoint,
                clock,
                "daytrade generator",
                credential,
                partial(self._connected, name),
                random,
                partial(self._failed, name),
            )
            for name, endpoint in endpoints.items()
        ]

    async def open(self) -> None:
        """Connect to the nodes; raises `NoNode` where not one can be reached."""
        for service in self._services:
            service.startService()
        self._first_up.addTimeout(CONNECT_S_MAX, self._clock)
        try:
            await self._first_up
        except TimeoutError:
            await self.close()
            raise NoNode("no node answered in time") from None
        except NoNode:
            await self.close()
            raise

    def _failed(self, name: str, error: Exception) -> None:
        self._failures[name] += 1
        has_hope = any(failures < TRIES for failures in self._failures.values())
        if not has_hope and not self._first_up.called:
            reason = error.message if isinstance(error, TradeError) else str(error)
            self._clock.callLater(0, self._give_up, f"no node can be used: {reason}")

    def _give_up(self, message: str) -> None:
        if not self._first_up.called:
            self._first_up.errback(NoNode(message))

    def _connected(self, name: str, protocol: ClientProtocol) -> None:
        protocol.on_end = lambda: self._lost(name, protocol)
        protocol.on_drain = lambda: self._lost(name, protocol)
        self.up[name] = protocol
        if not self._first_up.called:
            self._first_up.callback(None)
        self.on_up(name)

    def _lost(self, name: str, protocol: ClientProtocol) -> None:
        if self.up.get(name) is protocol:
            del self.up[name]
            self.log.warn("{name} is down", name=name)
            self.on_down(name)

    def cut(self, name: str) -> None:
        """End the connection to a node, if there is one; it is made again as after any loss."""
        protocol = self.up.get(name)
        if protocol is not None:
            protocol.close()

    async def close(self) -> None:
        """Let go of all nodes."""
        for service in self._services:
            await service.stopService()
