"""Traders that use prices while the way to them is in trouble, and note what they were told.

Used by the runs of `benchmarks.quote_faults` and `benchmarks.quote_kills`. A trader has one command
outstanding, sends it again under its id where the connection ended, and never gives up.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from uuid import uuid4

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from daytrade.stack import LocalStack
from protocol.authentication import AccessRole
from protocol.errors import Code, TradeError
from protocol.messages import (
    Add,
    Buy,
    CancelBuy,
    Command,
    Error,
    Message,
    QuoteRequest,
    Receipt,
    Refused,
)
from protocol.quote import QUOTE_TTL_MS
from quote_proxy.prices import Prices
from service.client import ClientProtocol, ConnectionEnded, connect

CASH_CENTS = 10_000_000_00
PAUSE_S = 0.03
"""Between two commands of one trader."""

_AGAIN_S = 0.2
_MAY_COME_AGAIN = frozenset([Code.DRAINING, Code.INTERNAL, Code.STORE_UNAVAILABLE])


class Seen(Struct, frozen=True, gc=False):
    """A price that decided something, as the reply told it."""

    symbol: str
    price_cents: int
    quoted_ms: int
    decided_ms: int

    @property
    def is_stale(self) -> bool:
        """It was too old to decide (SPEC section 1)."""
        return self.decided_ms - self.quoted_ms > QUOTE_TTL_MS

    def is_of(self, prices: Prices) -> bool:
        """The quote server did give this price at that time; a step may fall in between."""
        moments = (self.quoted_ms, self.quoted_ms - 1)
        return self.price_cents in {prices.at(self.symbol, moment) for moment in moments}


class Notes:
    """What all traders of a run were told.

    :ivar ends: how many commands ended in each code.
    :ivar longest_s: the longest that a command waited for its answer.
    :ivar waiting: commands without an answer now.
    """

    def __init__(self) -> None:
        self.seen: set[Seen] = set()
        self.ends: Counter[Code] = Counter()
        self.longest_s = 0.0
        self.waiting = 0

    def take(self, command: Command, reply: Message, took_s: float) -> None:
        """Take in one answer."""
        self.longest_s = max(self.longest_s, took_s)
        code = Code(reply.code) if isinstance(reply, Refused | Error) else Code.OK
        self.ends[code] += 1
        if isinstance(reply, Receipt | Refused) and reply.price_cents:
            symbol = getattr(command, "symbol", "")
            if symbol and isinstance(command, QuoteRequest | Buy):
                self.seen.add(Seen(symbol, reply.price_cents, reply.quoted_ms, reply.decided_ms))


class Crowd:
    """Traders at all nodes of a stack.

    :param asked_for: the symbol that a trader asks for next.
    """

    def __init__(
        self,
        clock: IReactorTime,
        stack: LocalStack,
        random: Random,
        asked_for: Callable[[], str],
        notes: Notes,
    ) -> None:
        self._clock = clock
        self._stack = stack
        self._random = random
        self._asked_for = asked_for
        self._nodes: dict[str, ClientProtocol] = {}
        self._number = 0
        self.notes = notes
        self.is_over = False

    async def trade(self, user: str) -> None:
        """Be one trader until the run is over."""
        await self.send(user, Add(user, self.next_number(), CASH_CENTS))
        while not self.is_over:
            symbol = self._asked_for()
            if self._random.random() < 0.7:
                await self.send(user, QuoteRequest(user, self.next_number(), symbol))
            else:
                bought = await self.send(user, Buy(user, self.next_number(), symbol, 1_000_00))
                if isinstance(bought, Receipt):
                    await self.send(user, CancelBuy(user, self.next_number()))
            await deferLater(self._clock, PAUSE_S)

    def next_number(self) -> int:
        """A transaction number that nobody has had."""
        self._number += 1
        return self._number

    async def send(self, user: str, command: Command) -> Message:
        """Send a command until it has an answer that is final, and return that."""
        command_id = uuid4().bytes
        asked_s = self._clock.seconds()
        self.notes.waiting += 1
        while True:
            try:
                node = await self._node(user)
                reply = await node.request(command, command_id)
            except (ConnectionEnded, ConnectError):
                await deferLater(self._clock, _AGAIN_S)
                continue
            except TradeError as error:
                if error.code in _MAY_COME_AGAIN:
                    await deferLater(self._clock, _AGAIN_S)
                    continue
                reply = Error(error.code, error.message)
            self.notes.waiting -= 1
            self.notes.take(command, reply, self._clock.seconds() - asked_s)
            return reply

    async def _node(self, user: str) -> ClientProtocol:
        names = sorted(self._stack.addresses.nodes)
        name = names[sum(user.encode()) % len(names)]
        node = self._nodes.get(name)
        if node is None or node.is_lost:
            endpoint = self._stack.endpoint(self._stack.addresses.nodes[name])
            credential = self._stack.credential(AccessRole.WORKLOAD)
            node = await connect(endpoint, self._clock, "quote traders", credential)
            self._nodes[name] = node
        return node

    def close(self) -> None:
        """End the connections."""
        for node in self._nodes.values():
            node.close()


def begin(crowd: Crowd, users: Sequence[str]) -> list[Deferred[None]]:
    """Let all of them trade; each Deferred fires when one has stopped."""
    return [Deferred.fromCoroutine(crowd.trade(user)) for user in users]


def symbols_of(count: int) -> list[str]:
    """Names of stocks."""
    letters = [chr(ord("A") + n) for n in range(26)]
    return [f"Q{one}{two}" for one in letters for two in letters][:count]
