"""A trading floor in memory, on a clock that the test moves: the ledger, a node that trades on it,
a quote server whose prices the test sets, and trigger services.

Only tests import this. Invariant: time passes in steps that binary fractions hold exactly.
"""

from collections.abc import Callable
from itertools import pairwise

from twisted.internet.task import Clock

from ledger import rules
from ledger.account import Account, Side, TriggerName
from ledger.entry import Cause, Entry, decode_entry
from ledger.memory_store import MemoryLedger, MemoryStore
from ledger.trigger_changes import changed_trigger
from ledger.writes import AccountWrite
from protocol.messages import COMMANDS
from protocol.quote import QUOTE_TTL_MS, Quote
from tests.quote_proxy.feed import FeedDouble
from tests.trigger.price_board import PriceBoard
from tests.trigger.shaky_store import ShakyStore, done
from trigger.trading import TriggerService

START_MS = 1_700_000_000_000
STEP_S = 0.125
NODE_STREAM = "node-1/0"


class Node:
    """A trading node: decides commands by the rules, and announces the triggers they change."""

    def __init__(self, ledger: MemoryLedger, board: PriceBoard) -> None:
        self._ledger = ledger
        self._board = board
        self._store = MemoryStore(ledger)
        self._stream = done(self._store.open_stream(NODE_STREAM))
        self.transaction_num = 0

    def do(self, name: str, user: str, *arguments: str | int, announced: bool = True) -> Entry:
        """Carry out a command at the price of this moment; `announced` False loses the news."""
        self.transaction_num += 1
        now_ms = self._ledger.now_ms()
        account = done(self._store.load([user]))[user]
        write = AccountWrite(account, account.seq)
        for lapsed in rules.lapse(account, now_ms):
            write.add(lapsed)
        command = COMMANDS[name](user, self.transaction_num, *arguments)
        symbol = str(getattr(command, "symbol", ""))
        price_cents = self._board.prices.get(symbol, 0)
        quote = Quote(symbol, price_cents, now_ms, f"node{self.transaction_num}=", user)
        command_id = self.transaction_num.to_bytes(16, "big")
        entry = rules.decide(account, command, command_id, now_ms, quote)
        assert entry is not None
        write.add(entry)
        assert not done(self._store.commit(self._stream, [write])).conflicted
        changed = changed_trigger(entry)
        if changed is not None and announced:
            done(self._store.announce_armed([changed]))
        return entry


class Shipped:
    """What a trigger service handed over for the audit daemon.

    :ivar entries: all that was shipped or, being in the journal already, passed over.
    :ivar gaps: numbers at which the stream did not go on where it had ended.
    """

    def __init__(self, journal: Callable[[int, int], list[bytes]]) -> None:
        self._journal = journal
        self.entries: list[bytes] = []
        self.gaps: list[int] = []

    def ship(self, first_number: int, entries: list[bytes]) -> None:
        """See `Shipping`."""
        if first_number != len(self.entries) + 1:
            self.gaps.append(first_number)
        self.entries += entries

    def advance_to(self, last_number: int) -> None:
        """See `Shipping`."""
        self.entries += self._journal(len(self.entries), last_number)


class Subscription:
    """What `listen` returns: open until the test breaks it."""

    def __init__(self) -> None:
        self.is_closed = False


class Desk:
    """A trigger service on the floor, and all that is around it."""

    def __init__(self, floor: "Floor", name: str) -> None:
        self._ledger = floor.ledger
        self._stream_name = f"{name}/0"
        self.store = ShakyStore(floor.ledger, floor.clock)
        self.shipped = Shipped(lambda start, end: self.journalled[start:end])
        self.subscriptions: list[Subscription] = []
        self.fencings = 0
        self.feed = FeedDouble()
        self.service = TriggerService(
            floor.clock,
            name,
            self.store,
            floor.board,
            self.shipped,
            self._listen,
            self.feed,
            self._fenced,
        )

    async def _listen(self, listener: Callable[[list[TriggerName]], None]) -> Subscription:
        subscription = Subscription()

        def announced(names: object) -> None:
            if not subscription.is_closed:
                assert isinstance(names, list)
                listener(names)

        self._ledger.armed_listeners.append(announced)
        self.subscriptions.append(subscription)
        return subscription

    def _fenced(self) -> None:
        self.fencings += 1

    @property
    def journalled(self) -> list[bytes]:
        """The service's own stream, as the ledger holds it."""
        return self._ledger.stream_entries.get(self._stream_name, [])


class Floor:
    """Everything together, at a time that only `advance` moves."""

    def __init__(self, **prices: int) -> None:
        self.clock = Clock()
        self.ledger = MemoryLedger(self.now_ms)
        self.board = PriceBoard(self.clock, self.now_ms, prices)
        self.node = Node(self.ledger, self.board)

    def now_ms(self) -> int:
        """The time that all share."""
        return START_MS + int(self.clock.seconds() * 1000)

    def open_desk(self, name: str = "triggers-1") -> Desk:
        """Start a trigger service, and let it look at what there is."""
        desk = Desk(self, name)
        done(desk.service.start())
        self.advance(STEP_S)
        return desk

    def advance(self, span_s: float) -> None:
        """Let time pass, in steps so small that what is due comes in its order."""
        for _ in range(round(span_s / STEP_S)):
            self.clock.advance(STEP_S)

    def arm_buy(
        self, user: str, symbol: str, amount: int, price: int, announced: bool = True
    ) -> Entry:
        """Give a user exactly the money for a buy trigger, and arm it; returns the last entry."""
        self.node.do("ADD", user, amount)
        self.node.do("SET_BUY_AMOUNT", user, symbol, amount, announced=False)
        return self.node.do("SET_BUY_TRIGGER", user, symbol, price, announced=announced)

    def arm_sell(
        self, user: str, symbol: str, amount: int, price: int, announced: bool = True
    ) -> Entry:
        """Give a user shares worth the amount now, and arm a sell trigger; returns the last
        entry.
        """
        self.node.do("ADD", user, amount)
        self.node.do("BUY", user, symbol, amount)
        self.node.do("COMMIT_BUY", user)
        self.node.do("SET_SELL_AMOUNT", user, symbol, amount, announced=False)
        return self.node.do("SET_SELL_TRIGGER", user, symbol, price, announced=announced)

    def arm(self, side: Side, user: str, symbol: str, amount: int, price: int) -> Entry:
        """Arm a trigger of either side."""
        arm = self.arm_buy if side is Side.BUY else self.arm_sell
        return arm(user, symbol, amount, price)

    def account(self, user: str) -> Account:
        """The stored account of a user."""
        return self.ledger.accounts[user]

    def entries(self, cause: Cause, user: str | None = None) -> list[Entry]:
        """The journal's entries of one cause, of one user or of all, in the order written."""
        entries = map(decode_entry, self.ledger.journal.values())
        return [e for e in entries if e.cause is cause and user in (None, e.user)]

    def assert_one_hit_per_window(self) -> None:
        """No symbol was asked for while its last price could still be used."""
        for symbol in self.board.prices:
            moments_ms = [quote.quoted_ms for quote in self.board.answers if quote.symbol == symbol]
            for earlier_ms, later_ms in pairwise(moments_ms):
                assert later_ms - earlier_ms > QUOTE_TTL_MS
