"""What a person or program does with an account: commands, summaries and logs, by way of the nodes.

Used by the views of pages and API. Nothing is kept here but transaction numbers taken ahead.
"""

from collections import deque
from collections.abc import Callable, Mapping

from msgspec import Struct

from protocol.errors import Code, TradeError
from protocol.fields import ID_BYTES, RESERVED_BITS, is_symbol
from protocol.messages import DisplaySummary, DumpLog, HistoryLine, Message, Receipt, Summary
from service.limits import TokenBuckets
from web.commands import LOG_NAME, SUMMARY, Form, id_from, make_command, read_arguments
from web.nodes import Nodes
from web.prices import Prices
from web.store import WebStore

NUMBERS_AHEAD = 100
HISTORY_PAGES_MAX = 10
"""Pages of the journal that are looked through for one page of what was asked for."""

_TIME_BYTES = 6


class Done(Struct, frozen=True):
    """A command with the node's answer to it."""

    form: Form
    symbol: str
    reply: Message

    @property
    def seq(self) -> int:
        """The journal number of the decision."""
        assert hasattr(self.reply, "seq")
        return int(self.reply.seq)


class HistoryPage(Struct, frozen=True):
    """A part of a history; `before_seq` is where to go on, 0 at the end."""

    lines: list[HistoryLine]
    before_seq: int


Wanted = Callable[[HistoryLine], bool]


class Trading:
    """The sixteen commands, for any user.

    :param now_ms: the store's time.
    :param random_bytes: unpredictable bytes, for command ids.
    :param paces: how fast each user may ask.
    """

    def __init__(
        self,
        nodes: Nodes,
        store: WebStore,
        prices: Prices,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        paces: TokenBuckets,
    ) -> None:
        self._nodes = nodes
        self._store = store
        self._prices = prices
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._paces = paces
        self._numbers: deque[int] = deque()

    async def carry_out(
        self, user: str, form: Form, given: Mapping[str, str], key: str = ""
    ) -> Done:
        """Have a command carried out; returns it also when it was refused for good.

        :param key: what makes this request one and the same when it is sent again, with whatever is
            in it; empty: it never is.

        Raises `TradeError` for what cannot be read and for what was not carried out.
        """
        self._pace(user)
        arguments = read_arguments(form, given)
        if key:
            command_id = id_from(user, key)
            number = await self._store.number_of(user, command_id, self._now_ms())
        else:
            command_id, number = self.new_id(), await self._number()
        command = make_command(form, user, number, arguments)
        reply = await self._nodes.ask(command_id, command)
        symbol = str(arguments.get("symbol", ""))
        if isinstance(reply, Receipt) and reply.quoted_ms:
            self._prices.saw(symbol, reply.quoted_ms, reply.price_cents)
        return Done(form, symbol, reply)

    async def summary(self, user: str, before_seq: int = 0) -> Summary:
        """The account at a glance; raises `TradeError`."""
        self._pace(user)
        command = DisplaySummary(user, await self._number(), before_seq)
        reply = await self._nodes.ask(self.new_id(), command)
        if not isinstance(reply, Summary):
            raise TradeError(Code.INTERNAL, "the node gave no summary")
        for line in reply.history:
            if line.price_cents and is_symbol(line.symbol):
                self._prices.saw(line.symbol.upper(), line.decided_ms, line.price_cents)
        return reply

    async def history(self, user: str, before_seq: int, limit: int, wanted: Wanted) -> HistoryPage:
        """What of a user's history is wanted, the newest first; raises `TradeError`."""
        lines: list[HistoryLine] = []
        for _ in range(HISTORY_PAGES_MAX):
            page = await self.summary(user, before_seq)
            for line in page.history:
                if wanted(line):
                    lines.append(line)
                    if len(lines) == limit:
                        return HistoryPage(lines, line.seq if line.seq > 1 else 0)
            before_seq = page.history_before_seq
            if not before_seq:
                break
        return HistoryPage(lines, before_seq)

    async def log_command(self, user: str) -> tuple[bytes, DumpLog]:
        """The command that asks for a user's whole log (empty: everybody's), with its id."""
        return self.new_id(), DumpLog(user, await self._number(), LOG_NAME)

    def _pace(self, user: str) -> None:
        """Raise `TradeError` SLOW_DOWN for a user who asks faster than one may."""
        if not self._paces.of(user).take():
            raise TradeError(Code.SLOW_DOWN, "you ask too fast: wait a second, then go on")

    async def _number(self) -> int:
        while not self._numbers:
            self._numbers.extend(await self._store.numbers(NUMBERS_AHEAD))
        return self._numbers.popleft()

    def new_id(self) -> bytes:
        """An id: its time first, as the journal's index likes it; the rest nobody can guess."""
        time = self._now_ms().to_bytes(_TIME_BYTES, "big")
        rest = bytearray(self._random_bytes(ID_BYTES - _TIME_BYTES))
        rest[2] = rest[2] & ~RESERVED_BITS | 0x80
        return time + bytes(rest)


def is_worth_telling(line: HistoryLine) -> bool:
    """Looking at an account is journalled too, but nobody wants to read that."""
    return line.name != SUMMARY
