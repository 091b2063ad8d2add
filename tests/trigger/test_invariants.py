"""What must always hold, over half an hour of trade by many users: prices walk, commands and
firings cross each other, announcements get lost.
"""

from collections import Counter
from random import Random

import pytest

from ledger.account import Side, Trigger
from ledger.entry import Cause, Entry, decode_entry
from ledger.trigger_rules import is_met
from protocol.errors import Code
from protocol.messages import SetBuyTrigger
from protocol.quote import QUOTE_TTL_MS
from tests.ledger.replay import Replay
from tests.trigger.floor import STEP_S, Floor

SPAN_S = 1_800.0
USERS = [f"u{number:02}" for number in range(25)]
SYMBOLS = ("A", "BB", "CCC", "D")
LAPSE_MS_MAX = 1_000
TURN_MS = 250
"""A window ends between two steps of the clock, and the question is asked in the next one."""

QUESTIONS_MAX = 12
"""How many questions, if they are slow, stand between a price and what it makes fire."""


class Trade:
    """Random trade on a floor, and a look at each moment at who should have fired by now.

    :ivar met_since_ms: for each arming that is met without a break, since when.
    """

    def __init__(self, seed: int, delay_s: float) -> None:
        self.random = Random(seed)
        self.late_ms_max = TURN_MS + round(QUESTIONS_MAX * delay_s * 1000)
        prices = {symbol: self.random.randrange(80, 120) for symbol in SYMBOLS}
        self.floor = Floor(**prices)
        self.floor.board.delay_s = delay_s
        self.desk = self.floor.open_desk()
        self.desk.store.delay_s = delay_s
        self.met_since_ms: dict[bytes, int] = {}

    def run(self) -> None:
        for user in USERS:
            self._endow(user)
        for _ in range(round(SPAN_S / STEP_S)):
            if self.random.random() < 0.02:
                self._move_a_price()
            if self.random.random() < 0.3:
                self._trade()
            self.floor.advance(STEP_S)
            self._assert_nobody_waits_too_long()
            self._assert_no_order_is_long_overdue()

    def _endow(self, user: str) -> None:
        self.floor.node.do("ADD", user, 100_000)
        for symbol in SYMBOLS:
            self.floor.node.do("BUY", user, symbol, 10_000)
            self.floor.node.do("COMMIT_BUY", user)

    def _move_a_price(self) -> None:
        symbol = self.random.choice(SYMBOLS)
        moved = self.floor.board.prices[symbol] + self.random.randint(-12, 12)
        self.floor.board.prices[symbol] = min(max(moved, 60), 140)

    def _trade(self) -> None:
        user, symbol = self.random.choice(USERS), self.random.choice(SYMBOLS)
        amount, price = self.random.randrange(50, 3_000), self.random.randrange(70, 130)
        commands: list[tuple[str, tuple[str | int, ...]]] = [
            ("ADD", (amount,)),
            ("BUY", (symbol, amount)),
            ("COMMIT_BUY", ()),
            ("CANCEL_BUY", ()),
            ("SELL", (symbol, amount)),
            ("COMMIT_SELL", ()),
            ("SET_BUY_AMOUNT", (symbol, amount)),
            ("SET_BUY_TRIGGER", (symbol, price)),
            ("CANCEL_SET_BUY", (symbol,)),
            ("SET_SELL_AMOUNT", (symbol, amount)),
            ("SET_SELL_TRIGGER", (symbol, price)),
            ("CANCEL_SET_SELL", (symbol,)),
        ]
        name, arguments = self.random.choice(commands)
        self.floor.node.do(name, user, *arguments, announced=self.random.random() < 0.7)

    def _assert_nobody_waits_too_long(self) -> None:
        now_ms = self.floor.now_ms()
        met = {trigger.armed_by for trigger in self._standing() if self._fires_now(trigger)}
        self.met_since_ms = {armed_by: self.met_since_ms.get(armed_by, now_ms) for armed_by in met}
        longest_ms = now_ms - min(self.met_since_ms.values(), default=now_ms)
        assert longest_ms <= QUOTE_TTL_MS + self.late_ms_max

    def _assert_no_order_is_long_overdue(self) -> None:
        for account in self.floor.ledger.accounts.values():
            for order in account.buys[:1] + account.sells[:1]:
                overdue_ms = self.floor.now_ms() - order.valid_until_ms
                assert overdue_ms <= LAPSE_MS_MAX + self.late_ms_max - TURN_MS

    def _standing(self) -> list[Trigger]:
        accounts = self.floor.ledger.accounts.values()
        return [t for account in accounts for side in Side for t in account.triggers(side).values()]

    def _fires_now(self, trigger: Trigger) -> bool:
        price_cents = self.floor.board.prices[trigger.symbol]
        return is_met(trigger, price_cents) and trigger.amount_cents >= price_cents


@pytest.mark.parametrize(("seed", "delay_s"), [(1, 0.0), (2, 0.0), (3, 0.25)])
def test_all_invariants_hold(seed: int, delay_s: float, failures: list[str]) -> None:
    trade = Trade(seed, delay_s)
    trade.run()
    floor, desk = trade.floor, trade.desk
    firings = floor.entries(Cause.FIRING)
    assert min(Counter(entry.kind for entry in firings).values()) >= 30
    assert len(floor.entries(Cause.LAPSE)) >= 100
    assert_each_firing_is_right(floor, firings)
    assert_accounts_add_up(floor)
    floor.assert_one_hit_per_window()
    assert desk.shipped.gaps == []
    assert desk.shipped.entries == desk.journalled


def assert_each_firing_is_right(floor: Floor, firings: list[Entry]) -> None:
    """Each armed trigger fired at most once, at a price that was given, fresh, and met it."""
    assert len({entry.order_id for entry in firings}) == len(firings)
    for firing in firings:
        armed = decode_entry(floor.ledger.journal[firing.order_id])
        assert (armed.code, armed.user, armed.kind) == (Code.OK, firing.user, firing.kind)
        assert armed.transaction_num == firing.transaction_num
        assert firing.quote is not None
        assert firing.quote in floor.board.answers
        assert firing.quote.symbol == armed.symbol == firing.symbol
        assert 0 <= firing.decided_ms - firing.quote.quoted_ms <= QUOTE_TTL_MS
        if firing.kind == SetBuyTrigger.KIND:
            assert firing.price_cents <= armed.amount_cents
        else:
            assert firing.price_cents >= armed.amount_cents


def assert_accounts_add_up(floor: Floor) -> None:
    """Each account is sound, and is what its journal tells of it."""
    for user, entries in floor.ledger.user_entries.items():
        account = floor.account(user)
        account.check()
        assert [entry.seq for entry in entries] == list(range(1, account.seq + 1))
        replay = Replay()
        for entry in entries:
            replay.add(entry)
        replay.assert_tells(account)
