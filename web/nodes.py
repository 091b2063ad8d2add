"""The trading nodes as one: a command goes to its user's node, and to another where that fails.

Used by `web.assembly`. An id is made before the first try and kept, so a command whose node was
lost on the way is applied once, whoever answers in the end.
"""

from collections.abc import Callable, Mapping
from functools import partial

from msgspec import Struct
from twisted.internet.defer import TimeoutError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger

from protocol.errors import Code, TradeError
from protocol.messages import Command, Message
from service.balancer import Balancer
from service.client import ClientProtocol, ConnectionEnded
from service.credentials import Credential
from service.reconnecting import StayingConnected

ANSWER_S_MAX = 20.0
"""How long a command is tried before its outcome is told to be unknown."""

RETRY_S = 0.1
AGENT = "daytrade web"


class NodeLine(Struct, frozen=True):
    """A node as the administrator sees it; `waiting` commands of ours were not answered yet."""

    name: str
    is_up: bool
    waiting: int


class Nodes:
    """Connections to all nodes, each made again when it is lost.

    :ivar on_up: called with the name and connection of a node that is there.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        endpoints: Mapping[str, IStreamClientEndpoint],
        credential: Credential,
        random: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._endpoints = dict(endpoints)
        self._balancer = Balancer(endpoints)
        self._up: dict[str, ClientProtocol] = {}
        for name in endpoints:
            self._balancer.mark_down(name)
        self._services = [
            StayingConnected(
                endpoint, clock, AGENT, credential, partial(self._connected, name), random
            )
            for name, endpoint in endpoints.items()
        ]

    async def start(self) -> None:
        """Begin to connect; nobody waits for it, as a node may come later."""
        for service in self._services:
            service.startService()

    async def stop(self) -> None:
        """Let go of all nodes."""
        for service in self._services:
            await service.stopService()

    def lines(self) -> list[NodeLine]:
        """All nodes, and how they are."""
        return [
            NodeLine(name, name in self._up, self._up[name].waiting if name in self._up else 0)
            for name in self._endpoints
        ]

    def _connected(self, name: str, protocol: ClientProtocol) -> None:
        protocol.on_end = lambda: self._lost(name, protocol)
        protocol.on_drain = lambda: self._lost(name, protocol)
        self._up[name] = protocol
        self._balancer.mark_up(name)

    def _lost(self, name: str, protocol: ClientProtocol) -> None:
        if self._up.get(name) is protocol:
            del self._up[name]
            self._balancer.mark_down(name)
            self.log.warn("{name} is down", name=name)

    def endpoint(self, name: str) -> IStreamClientEndpoint:
        """Where the node of this name can be reached; raises `TradeError` where there is none."""
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            raise TradeError(Code.NOT_PERMITTED, "there is no node of this name here")
        return endpoint

    def endpoint_of(self, user: str) -> IStreamClientEndpoint:
        """Where a user's node can be reached anew; raises `TradeError` while there is none."""
        name = self._balancer.node_for(user)
        if name is None:
            raise _NOBODY
        return self._endpoints[name]

    def node_of(self, user: str) -> ClientProtocol | None:
        """The connection that serves a user now, or None while there is none."""
        name = self._balancer.node_for(user)
        return None if name is None else self._up.get(name)

    async def ask(self, command_id: bytes, command: Command) -> Message:
        """Have a command carried out; returns its Receipt, Summary or Refused.

        Raises `TradeError`, INTERNAL where nobody can tell what came of the command.
        """
        give_up_s = self._clock.seconds() + ANSWER_S_MAX
        while True:
            left_s = give_up_s - self._clock.seconds()
            node = self.node_of(command.user)
            if node is not None and left_s > 0:
                try:
                    answer = node.request(command, command_id)
                    return await answer.addTimeout(left_s, self._clock)
                except TradeError as error:
                    if not may_be_sent_again(error.code):
                        raise
                except (ConnectionEnded, TimeoutError):
                    self.log.info("{user}: no answer; asked again", user=command.user)
            if self._clock.seconds() >= give_up_s:
                raise _NOBODY
            await deferLater(self._clock, RETRY_S)


_NOBODY = TradeError(
    Code.INTERNAL, "no node answers just now; look at your account before you try again"
)


def may_be_sent_again(code: int) -> bool:
    """The server did not take the command, for a reason that may pass."""
    return code == Code.DRAINING or code >= Code.INTERNAL
