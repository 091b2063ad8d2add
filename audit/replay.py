"""What users own, worked out from the log alone (SPEC section 4).

Pure; may be imported by everyone above `ledger`. Entries give money and shares; the XML gives money
only, by cash = add - reserve + release and reserve = reserve - release - remove.
"""

from collections.abc import Iterable

from msgspec import Struct, field

from audit.records import Record, RecordKind
from ledger.account import Account
from ledger.entry import Action, Entry, Movement
from protocol.money import parse_amount

_CASH_SIGN = {Action.ADD: 1, Action.RESERVE: -1, Action.RELEASE: 1, Action.REMOVE: 0}
_RESERVE_SIGN = {Action.ADD: 0, Action.RESERVE: 1, Action.RELEASE: -1, Action.REMOVE: -1}


class Money(Struct):
    """A user's cash and reserve."""

    cash_cents: int = 0
    reserve_cents: int = 0

    def post(self, action: Action, amount_cents: int) -> None:
        """Carry out one accountTransaction."""
        self.cash_cents += _CASH_SIGN[action] * amount_cents
        self.reserve_cents += _RESERVE_SIGN[action] * amount_cents


class Balance(Struct):
    """All that a user owns; stocks of which there are no shares are not mentioned."""

    money: Money = field(default_factory=Money)
    holdings: dict[str, int] = field(default_factory=dict)
    reserved_shares: dict[str, int] = field(default_factory=dict)

    def apply(self, entry: Entry) -> None:
        """Carry out what an entry says was done."""
        for posting in entry.postings:
            self.money.post(posting.action, posting.amount_cents)
        for movement in entry.movements:
            self._move(movement)

    def _move(self, movement: Movement) -> None:
        for shares, change in (
            (self.holdings, movement.holding),
            (self.reserved_shares, movement.reserve),
        ):
            left = shares.pop(movement.symbol, 0) + change
            if left:
                shares[movement.symbol] = left


def balance_of(account: Account) -> Balance:
    """What the ledger says that a user owns, in the same form."""
    symbols = {order.symbol for order in account.sells} | set(account.sell_triggers)
    reserved = {symbol: account.reserved_shares(symbol) for symbol in symbols}
    return Balance(
        Money(account.cash_cents, account.reserve_cents),
        {symbol: shares for symbol, shares in account.holdings.items() if shares},
        {symbol: shares for symbol, shares in reserved.items() if shares},
    )


def replay_entries(entries: Iterable[Entry]) -> dict[str, Balance]:
    """What each user owns after these entries, in whatever order they come."""
    balances: dict[str, Balance] = {}
    for entry in entries:
        balances.setdefault(entry.user, Balance()).apply(entry)
    return balances


def replay_records(
    records: Iterable[Record], money: dict[str, Money] | None = None
) -> dict[str, Money]:
    """The money of each user after these records, or after those that led to `money` and these.

    Raises `KeyError` or `TradeError` for what are no records.
    """
    money = {} if money is None else money
    for record in records:
        if record.kind is RecordKind.ACCOUNT_TRANSACTION:
            told = dict(record.fields)
            user = money.setdefault(told["username"], Money())
            user.post(Action[told["action"].upper()], parse_amount(told["funds"]))
    return money
