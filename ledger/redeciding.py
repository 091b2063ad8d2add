"""Accounts worked out anew from their journal: each decision is made again by the rules.

Pure; for who verifies or restores a ledger. More than the sums of what was posted: pending orders,
triggers and versions come out too, and an entry that the rules would not have made shows.
"""

from msgspec.structs import replace

from ledger import rules
from ledger.account import Account, Side
from ledger.entry import Cause, Entry
from ledger.outcome import NoPrice
from protocol.errors import Code
from protocol.messages import (
    KINDS,
    Add,
    AmountCommand,
    Command,
    DumpLog,
    SetBuyTrigger,
    SymbolCommand,
)


class Contradiction(Exception):
    """An entry is not what the rules make of the entries before it; the message says which."""


def command_of(entry: Entry) -> Command:
    """The command that an entry recorded."""
    cls = KINDS[entry.kind]
    assert issubclass(cls, Command)
    arguments: list[str | int] = []
    if issubclass(cls, SymbolCommand):
        arguments.append(entry.symbol)
    if issubclass(cls, AmountCommand | Add):
        arguments.append(entry.amount_cents)
    if issubclass(cls, DumpLog):
        arguments.append(entry.filename)
    return cls(entry.user, entry.transaction_num, *arguments)


class Redecider:
    """One account, brought up entry by entry.

    :ivar account: as the entries taken so far have left it.
    """

    def __init__(self, user: str) -> None:
        self.account = Account(user)
        self._lapsed: list[Entry] = []

    def take(self, entry: Entry) -> None:
        """Make the next decision again, in the order of `seq`; raises `Contradiction`."""
        made = self._made_again(entry)
        if made is not None and made.code is Code.QUOTE_UNAVAILABLE:
            made = replace(made, message=entry.message)
        if made != entry:
            raise Contradiction(f"entry {entry.seq} is not what the rules decide")
        self.account.last_id = entry.command_id

    def _made_again(self, entry: Entry) -> Entry | None:
        if entry.cause is Cause.LAPSE:
            self._lapsed = self._lapsed or rules.lapse(self.account, entry.decided_ms)
            return self._lapsed.pop(0) if self._lapsed else None
        if self._lapsed:
            return None
        if entry.cause is Cause.FIRING:
            if entry.quote is None:
                return None
            side = Side.BUY if entry.kind == SetBuyTrigger.KIND else Side.SELL
            return rules.fire(self.account, side, entry.symbol, entry.quote, entry.decided_ms)
        price = NoPrice("") if entry.code is Code.QUOTE_UNAVAILABLE else entry.quote
        command = command_of(entry)
        return rules.decide(self.account, command, entry.command_id, entry.decided_ms, price)


def differences(stored: Account, redecided: Account) -> list[str]:
    """The names of what a stored account has otherwise than its decisions make it."""
    names = [name for name in _DECIDED if _value(stored, name) != _value(redecided, name)]
    pending = [orders[0] for orders in (stored.buys, stored.sells) if orders]
    lapse_ms = min((order.valid_until_ms for order in pending), default=0) + 1
    # How early it is looked at is not decided; too late would be wrong.
    if pending and not 0 < stored.lapse_check_ms <= lapse_ms:
        names.append("lapse_check_ms")
    return names


_DECIDED = [name for name in Account.__slots__ if name != "lapse_check_ms"]


def _value(account: Account, name: str) -> object:
    value = getattr(account, name)
    if name == "holdings":
        return {symbol: shares for symbol, shares in value.items() if shares}
    return value
