"""A desk for the oracle's tests: one user, one hand-set time, commands by name.

Only tests in this folder import this. Invariant: the desk decides nothing, it only fills in the
user, the line number and the moment.
"""

from generator.oracle import Oracle
from generator.oracle_account import Fired, Side, Snapshot
from generator.oracle_rules import Expected
from protocol.errors import Code
from protocol.messages import COMMANDS

START_MS = 1_700_000_000_000
INT64_MAX = 2**63 - 1


class Desk:
    """Says commands to an oracle as user `u`, at `at_ms`, which the test moves."""

    def __init__(self, *, cash_cents: int = 0, **shares: int) -> None:
        """Start with this cash and with these shares by symbol; with neither, without account."""
        self.oracle = Oracle()
        self.at_ms = START_MS
        for symbol, count in shares.items():
            self.do("ADD", count)
            self.do("BUY", symbol, count, price=1)
            self.do("COMMIT_BUY")
        if cash_cents:
            self.do("ADD", cash_cents)

    def do(
        self, name: str, *arguments: str | int, price: int | None = None, user: str = "u"
    ) -> Expected:
        """Decide one command now."""
        command = COMMANDS[name](user, 1, *arguments)
        return self.oracle.expect(command, at_ms=self.at_ms, price_cents=price)

    def code(self, name: str, *arguments: str | int, price: int | None = None) -> Code:
        """Decide one command now and tell only how it ended."""
        return self.do(name, *arguments, price=price).code

    def asks_a_price(self, name: str, *arguments: str | int) -> bool:
        """Tell whether the rules would ask for a price for this command now."""
        return self.oracle.needs_price(COMMANDS[name]("u", 1, *arguments), self.at_ms)

    def fire(self, side: Side, symbol: str, price_cents: int) -> Fired | None:
        """Let the trigger of this side and symbol fire at this price."""
        return self.oracle.fire("u", side, symbol, price_cents, self.at_ms)

    def set_near_the_limit(self, *, cash_cents: int = 0, **shares: int) -> None:
        """Put an account next to 2^63-1, which commands would need millions of lines for."""
        account = self.oracle._accounts["u"]
        account.cash_cents = cash_cents
        account.holdings = dict(shares)

    @property
    def now(self) -> Snapshot:
        """What the user has now."""
        return self.oracle.snapshot("u")

    @property
    def money(self) -> tuple[int, int]:
        """Cash and reserve now, in cents."""
        return self.now["cash_cents"], self.now["reserve_cents"]

    def shares(self, symbol: str = "ABC") -> tuple[int, int]:
        """Free and reserved shares of a symbol now."""
        return self.now["holdings"].get(symbol, 0), self.now["reserved_shares"].get(symbol, 0)
