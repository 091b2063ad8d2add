"""The rules against the oracle: two writings of SPEC section 1 must say the same of any story.

Every step is decided by both. Besides, each user's journal alone must lead to the user's account
(SPEC section 4), and money and shares must come from somewhere.
"""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from generator.oracle import Oracle
from ledger.entry import Cause, Entry
from ledger.outcome import NoPrice
from protocol.errors import Code
from protocol.fields import is_user
from protocol.messages import COMMANDS, Command
from protocol.quote import Quote
from tests.ledger.desk import START_MS, Desk
from tests.ledger.oracle_words import SIDES, assert_as_expected, in_oracle_words
from tests.ledger.replay import Replay, reserved_shares

USERS = ("ann", "bob")
SYMBOLS = ("A", "BC")
SHARES_AT_START = 20

users = st.sampled_from(USERS)
written_symbols = st.sampled_from(("A", "BC", "a", "bC"))
sides = st.sampled_from(("BUY", "SELL"))
prices = st.integers(1, 16)
amounts = st.integers(5, 120)
price_ages_ms = st.sampled_from((0, 0, 0, 60_000, 60_001, None))
"""How old the price at hand is; None: none can be had."""

oddities = st.one_of(
    st.tuples(st.just("ADD"), users, st.sampled_from((1, 200, 0, -1, 10**12, 10**12 + 1))),
    st.tuples(st.just("QUOTE"), st.sampled_from((*USERS, "nobody", "a b")), written_symbols),
    st.tuples(st.just("DUMPLOG"), st.sampled_from((*USERS, "")), st.sampled_from(("f", "", "\n"))),
    st.tuples(st.just("DISPLAY_SUMMARY"), users),
    st.tuples(
        st.sampled_from(sorted({name for name in COMMANDS if name.startswith(("BUY", "S"))})),
        st.sampled_from(("ann", "nobody", "a b", "")),
        st.sampled_from(("A", "ABCD", "")),
        st.sampled_from((1, 0, -1, 10**12, 10**12 + 1)),
    ),
)
"""Commands that move no shares, most of them wrong in some way: name, user, other arguments."""


class Trading(RuleBasedStateMachine):
    """Some users at work, each at a desk of their own, with the oracle looking on."""

    def __init__(self) -> None:
        super().__init__()
        self.oracle = Oracle()
        self.desks = {user: Desk(user=user) for user in ("", *USERS)}
        self.replays = {user: Replay() for user in self.desks}
        self.spent_cents: Counter[str] = Counter()
        self.bought: Counter[tuple[str, str]] = Counter()
        self.now_ms = START_MS
        self.prices = dict.fromkeys(SYMBOLS, 8)
        self.commands = 0

    @initialize(cash_cents=st.integers(50, 400))
    def open_accounts(self, cash_cents: int) -> None:
        for user in USERS:
            for symbol in SYMBOLS:
                cost_cents = SHARES_AT_START * self.prices[symbol]
                self._send("ADD", user, cost_cents)
                self._send("BUY", user, symbol, cost_cents)
                self._send("COMMIT_BUY", user)
            self._send("ADD", user, cash_cents)

    @rule(
        passed_ms=st.sampled_from((1, 1_000, 30_000, 59_999, 60_000, 60_001)),
        steps=st.tuples(st.integers(-5, 5), st.integers(-5, 5)),
    )
    def time_passes_and_prices_walk(self, passed_ms: int, steps: tuple[int, int]) -> None:
        self.now_ms += passed_ms
        for symbol, step in zip(SYMBOLS, steps, strict=True):
            self.prices[symbol] = min(16, max(1, self.prices[symbol] + step))

    @rule(
        side=sides,
        user=users,
        symbol=written_symbols,
        amounts=st.lists(amounts, min_size=1, max_size=3),
        age_ms=price_ages_ms,
    )
    def order(
        self, side: str, user: str, symbol: str, amounts: list[int], age_ms: int | None
    ) -> None:
        for amount in amounts:
            self._send(side, user, symbol, amount, price_age_ms=age_ms)

    @rule(answer=st.sampled_from(("COMMIT", "CANCEL")), side=sides, user=users)
    def answer(self, answer: str, side: str, user: str) -> None:
        self._send(f"{answer}_{side}", user)

    @rule(side=sides, user=users, symbol=written_symbols, amount=amounts, age_ms=price_ages_ms)
    def set_amount(
        self, side: str, user: str, symbol: str, amount: int, age_ms: int | None
    ) -> None:
        self._send(f"SET_{side}_AMOUNT", user, symbol, amount, price_age_ms=age_ms)

    @rule(side=sides, user=users, symbol=written_symbols, price=prices)
    def arm(self, side: str, user: str, symbol: str, price: int) -> None:
        self._send(f"SET_{side}_TRIGGER", user, symbol, price)

    @rule(side=sides, user=users, symbol=written_symbols, amount=amounts, price=prices)
    def set_and_arm(self, side: str, user: str, symbol: str, amount: int, price: int) -> None:
        self.set_amount(side, user, symbol, amount, 0)
        self.arm(side, user, symbol, price)

    @rule(side=sides, user=users, symbol=written_symbols)
    def cancel_set(self, side: str, user: str, symbol: str) -> None:
        self._send(f"CANCEL_SET_{side}", user, symbol)

    @rule(command=oddities)
    def something_odd(self, command: tuple[str, str, *tuple[str | int, ...]]) -> None:
        self._send(*command)

    @rule(symbol=st.sampled_from(SYMBOLS))
    def a_price_reaches_the_triggers(self, symbol: str) -> None:
        price = self.prices[symbol]
        for user in USERS:
            for side, oracle_side in SIDES:
                entry = self._desk(user).fire(side, symbol, price)
                expected = self.oracle.fire(user, oracle_side, symbol, price, self.now_ms)
                if entry is None or expected is None:
                    assert (entry is None) is (expected is None)
                    continue
                assert entry.cause is Cause.FIRING
                assert (entry.shares, entry.total_cents) == (expected.shares, expected.total_cents)
                self._book(entry)

    @rule(user=users)
    def overdue_orders_lapse(self, user: str) -> None:
        self._lapse(user)

    @invariant()
    def both_see_the_same_accounts_and_the_journal_tells_them(self) -> None:
        for user in USERS:
            account = self.desks[user].account
            assert in_oracle_words(account) == self.oracle.snapshot(user)
            self.replays[user].assert_tells(account)

    @invariant()
    def money_and_shares_come_from_somewhere(self) -> None:
        for user in USERS:
            account = self.desks[user].account
            assert account.cash_cents + account.reserve_cents == -self.spent_cents[user]
            held = reserved_shares(account)
            for symbol in SYMBOLS:
                owned = account.holdings.get(symbol, 0) + held.get(symbol, 0)
                assert owned == self.bought[user, symbol]

    def _send(
        self, name: str, user: str, *arguments: str | int, price_age_ms: int | None = 0
    ) -> None:
        """Let both decide a command, at a price of this age if they want one."""
        self.commands += 1
        command = COMMANDS[name](user, self.commands, *arguments)
        desk = self._desk(user)
        self._lapse(user)
        needs_price = self.oracle.needs_price(command, self.now_ms)
        entry = desk.decide(command)
        assert (entry is None) is needs_price
        price = None
        if entry is None:
            price = self._price(command, price_age_ms)
            entry = desk.decide(command, price)
        price_cents = price.price_cents if isinstance(price, Quote) else None
        expected = self.oracle.expect(command, at_ms=self.now_ms, price_cents=price_cents)
        assert expected.lapses == []
        assert entry is not None
        assert (entry.user, entry.transaction_num) == (user, self.commands)
        assert_as_expected(entry, expected)
        self._book(entry)

    def _price(self, command: Command, age_ms: int | None) -> Quote | NoPrice:
        """A price that may be used; one that is too old is refused here, and a new one got."""
        if age_ms is None:
            return NoPrice("the exchange is shut")
        symbol = str(getattr(command, "symbol", "")).upper()
        price = Quote(symbol, self.prices[symbol], self.now_ms - age_ms, "key=", command.user)
        if age_ms <= 60_000:
            return price
        assert self._desk(command.user).decide(command, price) is None
        return Quote(symbol, self.prices[symbol], self.now_ms, "key=", command.user)

    def _desk(self, user: str) -> Desk:
        """Whose account it is; the nameless one's where the user is none."""
        desk = self.desks.setdefault(user, Desk(user=user)) if is_user(user) else self.desks[""]
        desk.now_ms = self.now_ms
        desk.transaction_num = self.commands
        return desk

    def _lapse(self, user: str) -> None:
        lapsed = self._desk(user).lapse()
        expected = self.oracle.lapse(user, self.now_ms)
        assert Counter(
            (entry.name, entry.symbol, entry.shares, entry.total_cents) for entry in lapsed
        ) == Counter(
            (f"CANCEL_{order.side.upper()}", order.symbol, order.shares, order.total_cents)
            for order in expected
        )
        for entry in lapsed:
            self._book(entry)

    def _book(self, entry: Entry) -> None:
        """Note what an entry did, and by its kind alone what the user spent and bought for it."""
        if entry.user not in USERS:
            return
        self.replays[entry.user].add(entry)
        if entry.code is not Code.OK:
            return
        is_firing = entry.cause is Cause.FIRING
        if entry.name == "ADD":
            self.spent_cents[entry.user] -= entry.amount_cents
        elif entry.name == "COMMIT_BUY" or (is_firing and entry.name == "SET_BUY_TRIGGER"):
            self._trade(entry, 1)
        elif entry.name == "COMMIT_SELL" or (is_firing and entry.name == "SET_SELL_TRIGGER"):
            self._trade(entry, -1)

    def _trade(self, entry: Entry, sign: int) -> None:
        assert entry.total_cents == entry.shares * entry.price_cents
        self.spent_cents[entry.user] += sign * entry.total_cents
        self.bought[entry.user, entry.movements[0].symbol] += sign * entry.shares


TradingTests = Trading.TestCase
TradingTests.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
