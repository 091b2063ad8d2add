"""What a node says of itself to the administrator: how it is, its cache of prices, its hits.

Used by the administrator's pages. Asked on a connection of its own, by the administrator's
credential, when somebody looks.
"""

from typing import Any

import msgspec
from msgspec import Struct
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IReactorTime

from protocol.errors import Code, TradeError
from protocol.messages import Operate, Report
from service.client import ClientProtocol, ConnectionEnded, connect
from service.credentials import Credential
from web.nodes import AGENT, Nodes

ANSWER_S_MAX = 5.0


class Status(Struct):
    """How the node is; `up_s` seconds since its start."""

    up_s: float
    ready: bool
    reason: str


class CachedPrice(Struct):
    """A price that the node keeps, and for how long it may still be used."""

    symbol: str
    price_cents: int
    quoted_ms: int
    usable_ms: int


class Cache(Struct):
    """The node's cache: how many prices it holds, and the newest of them."""

    held: int
    quotes: list[CachedPrice]


class Legacy(Struct):
    """The node's own way to the quote server, and what it has cost."""

    breaker: str
    hits: int
    cost_cents: int


class NodeReport(Struct, frozen=True):
    """All that a page shows of one node."""

    name: str
    status: Status
    cache: Cache
    legacy: Legacy


class NodeReports:
    """Asks nodes for reports.

    :param credential: the administrator's; None: nodes cannot be asked.
    """

    def __init__(self, clock: IReactorTime, nodes: Nodes, credential: Credential | None) -> None:
        self._clock = clock
        self._nodes = nodes
        self._credential = credential

    async def of(self, name: str, operator: str) -> NodeReport:
        """Ask a node in an administrator's name; raises `TradeError`."""
        if self._credential is None:
            raise TradeError(Code.NOT_PERMITTED, "this server may not ask nodes about themselves")
        asking = Deferred.fromCoroutine(self._ask(name, operator, self._credential))
        try:
            return await asking.addTimeout(ANSWER_S_MAX, self._clock)
        except TradeError:
            raise
        except (TimeoutError, ConnectionEnded, ConnectError, msgspec.MsgspecError) as error:
            raise TradeError(Code.INTERNAL, f"{name} tells nothing just now: {error}") from None

    async def _ask(self, name: str, operator: str, credential: Credential) -> NodeReport:
        node = await connect(self._nodes.endpoint(name), self._clock, AGENT, credential)
        try:
            return NodeReport(
                name,
                await _report(node, operator, "status", Status),
                await _report(node, operator, "quotes", Cache),
                await _report(node, operator, "legacy", Legacy),
            )
        finally:
            node.close()


async def _report(node: ClientProtocol, operator: str, verb: str, kind: Any) -> Any:
    answer = await node.request(Operate(verb, [], operator))
    assert isinstance(answer, Report)
    return msgspec.json.decode(answer.document, type=kind)
