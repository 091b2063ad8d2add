"""How far those who watch an account have been told, and what the account held then.

Pure; used by `reactor_server.account_news`. Invariant: entries are told in the order of their
numbers, each once, with the cash and the reserve that the account had after each.
"""

from audit.replay import Money
from ledger.account import Account
from ledger.entry import Entry, history_line
from protocol.messages import AccountChanged


class AccountTail:
    """The end of one account's journal, as it was told.

    :ivar seq: the number of the newest entry that was told.
    """

    __slots__ = ("_money", "seq", "user")

    def __init__(self, account: Account) -> None:
        self.user = account.user
        self.skip_to(account)

    def skip_to(self, account: Account) -> None:
        """Go on from the account as it is; what lies between is never told."""
        self.seq = account.seq
        self._money = Money(account.cash_cents, account.reserve_cents)

    def take(self, entry: Entry) -> AccountChanged | None:
        """Tell the entry if it is the next one; None for one that was told, or comes too early."""
        if entry.seq != self.seq + 1:
            return None
        self.seq = entry.seq
        for posting in entry.postings:
            self._money.post(posting.action, posting.amount_cents)
        return self._changed(entry)

    def look_again(self) -> AccountChanged:
        """Say that entries were passed over, and what the account had after the newest one."""
        return self._changed(None)

    def _changed(self, entry: Entry | None) -> AccountChanged:
        return AccountChanged(
            self.user,
            self.seq,
            self._money.cash_cents,
            self._money.reserve_cents,
            None if entry is None else history_line(entry),
        )
