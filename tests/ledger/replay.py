"""Cash, reserve and shares as the journal's postings and movements tell them.

Only tests import this. Invariant: it reads nothing of an entry but its postings and movements, by
the formulae of SPEC section 4, so that it shows whether the journal alone is enough.
"""

from collections import Counter

from ledger.account import Account
from ledger.entry import Action, Entry


class Replay:
    """The balances of one user, summed up entry by entry."""

    def __init__(self) -> None:
        self.cash_cents = 0
        self.reserve_cents = 0
        self.holdings: Counter[str] = Counter()
        self.reserved_shares: Counter[str] = Counter()

    @classmethod
    def starting_from(cls, account: Account) -> "Replay":
        """Take over what an account has already."""
        replay = cls()
        replay.cash_cents = account.cash_cents
        replay.reserve_cents = account.reserve_cents
        replay.holdings.update(account.holdings)
        replay.reserved_shares.update(reserved_shares(account))
        return replay

    def add(self, entry: Entry) -> None:
        """Sum up one entry more; a posting of nothing or a movement of nothing is an error."""
        for posting in entry.postings:
            assert posting.amount_cents > 0
            self._post(posting.action, posting.amount_cents)
        for movement in entry.movements:
            assert movement.holding or movement.reserve
            self.holdings[movement.symbol] += movement.holding
            self.reserved_shares[movement.symbol] += movement.reserve

    def _post(self, action: Action, amount_cents: int) -> None:
        match action:
            case Action.ADD:
                self.cash_cents += amount_cents
            case Action.RESERVE:
                self.cash_cents -= amount_cents
                self.reserve_cents += amount_cents
            case Action.RELEASE:
                self.cash_cents += amount_cents
                self.reserve_cents -= amount_cents
            case Action.REMOVE:
                self.reserve_cents -= amount_cents

    def assert_tells(self, account: Account) -> None:
        """Assert that the account has exactly what was summed up."""
        assert (account.cash_cents, account.reserve_cents) == (self.cash_cents, self.reserve_cents)
        assert Counter(account.holdings) == self.holdings
        assert Counter(reserved_shares(account)) == self.reserved_shares


def reserved_shares(account: Account) -> dict[str, int]:
    """The shares that pending sells and armed triggers hold, by symbol, without zeros."""
    symbols = {order.symbol for order in account.sells} | account.sell_triggers.keys()
    held = {symbol: account.reserved_shares(symbol) for symbol in symbols}
    return {symbol: shares for symbol, shares in held.items() if shares}
