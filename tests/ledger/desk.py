"""A desk at which one user trades: commands by name, at a time and at prices that the test sets.

Only tests import this. Invariant: after each decision the account is sound, its journal entry alone
tells what changed, and a refusal, or a price that is wanted, changed nothing.
"""

from itertools import product
from string import ascii_uppercase

from ledger import rules
from ledger.account import Account, Side
from ledger.entry import Entry
from ledger.memory_store import copy_account
from ledger.outcome import NoPrice
from protocol.errors import Code
from protocol.messages import COMMANDS, Command
from protocol.quote import Quote
from tests.ledger.replay import Replay

START_MS = 1_700_000_000_000

STOCKS = ["".join(letters) for n in (1, 2, 3) for letters in product(ascii_uppercase, repeat=n)]
"""Every symbol that a stock may have."""

Price = int | Quote | NoPrice | None
"""What a test says of a price: cents of a quote of this moment, a quote, or why there is none."""


class Desk:
    """One account, and the time at which the next command is decided."""

    def __init__(self, *, cash_cents: int = 0, user: str = "ann", **holdings: int) -> None:
        """Start with this cash and these shares by symbol; with neither, without an account."""
        self.account = Account(user)
        self.account.cash_cents = cash_cents
        self.account.holdings = dict(holdings)
        self.account.exists = bool(cash_cents or holdings)
        self.now_ms = START_MS
        self.transaction_num = 0

    def do(self, name: str, *arguments: str | int, price: Price = None) -> Entry:
        """Decide a command, which must not need more than this price."""
        entry = self.ask(name, *arguments, price=price)
        assert entry is not None, f"{name} wants a price"
        return entry

    def code(self, name: str, *arguments: str | int, price: Price = None) -> Code:
        """Decide a command and tell only how it ended."""
        return self.do(name, *arguments, price=price).code

    def wants_price(self, name: str, *arguments: str | int, price: Price = None) -> bool:
        """Tell whether the rules ask for a price before they decide; nothing was changed then."""
        return self.ask(name, *arguments, price=price) is None

    def ask(self, name: str, *arguments: str | int, price: Price = None) -> Entry | None:
        """Decide a command, or get None where a price is wanted."""
        self.transaction_num += 1
        command = COMMANDS[name](self.account.user, self.transaction_num, *arguments)
        return self.decide(command, price)

    def decide(self, command: Command, price: Price = None) -> Entry | None:
        """Decide a command that was made elsewhere; its id is told by its number."""
        self.lapse()
        before = copy_account(self.account)
        quote = self.quote(command, price)
        entry = rules.decide(self.account, command, self.last_id, self.now_ms, quote)
        self._assert_told(before, [] if entry is None else [entry])
        if entry is None or entry.code is not Code.OK:
            assert _belongings(self.account) == _belongings(before)
        return entry

    def quote(self, command: Command, price: Price) -> Quote | NoPrice | None:
        """The quote of this moment where a test gave mere cents."""
        if not isinstance(price, int):
            return price
        symbol = str(getattr(command, "symbol", "")).upper()
        return Quote(symbol, price, self.now_ms, "key=", self.account.user)

    def lapse(self) -> list[Entry]:
        """Let overdue orders lapse, as is done before each command."""
        before = copy_account(self.account)
        entries = rules.lapse(self.account, self.now_ms)
        self._assert_told(before, entries)
        return entries

    def fire(
        self, side: Side, symbol: str, price_cents: int, *, quoted_ms: int | None = None
    ) -> Entry | None:
        """Let a trigger fire at a price of this moment, or of `quoted_ms`."""
        before = copy_account(self.account)
        at_ms = self.now_ms if quoted_ms is None else quoted_ms
        quote = Quote(symbol, price_cents, at_ms, "key=", self.account.user)
        entry = rules.fire(self.account, side, symbol, quote, self.now_ms)
        self._assert_told(before, [] if entry is None else [entry])
        if entry is None:
            assert _belongings(self.account) == _belongings(before)
        return entry

    @property
    def last_id(self) -> bytes:
        """The id of the command decided last."""
        return self.transaction_num.to_bytes(16, "big")

    @property
    def money(self) -> tuple[int, int]:
        """Cash and reserve, in cents."""
        return self.account.cash_cents, self.account.reserve_cents

    def shares(self, symbol: str) -> tuple[int, int]:
        """Free and reserved shares of a stock."""
        return self.account.holdings.get(symbol, 0), self.account.reserved_shares(symbol)

    def _assert_told(self, before: Account, entries: list[Entry]) -> None:
        self.account.check()
        replay = Replay.starting_from(before)
        for number, entry in enumerate(entries, before.seq + 1):
            assert (entry.seq, entry.decided_ms) == (number, self.now_ms)
            replay.add(entry)
        replay.assert_tells(self.account)
        assert self.account.seq == before.seq + len(entries)
        assert self.account.decided_ms == (self.now_ms if entries else before.decided_ms)


def _belongings(account: Account) -> dict[str, object]:
    """All of an account but the number and time of its newest entry."""
    names = set(Account.__slots__) - {"seq", "decided_ms"}
    return {name: getattr(copy_account(account), name) for name in names}
