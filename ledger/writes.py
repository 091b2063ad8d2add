"""What a transaction writes: the new state of some accounts, and the journal entries behind it.

Imports `protocol` and the account's own types; used by stores and by whoever writes through them.
"""

from collections.abc import Iterable
from itertools import chain
from operator import attrgetter

from msgspec import Struct

from ledger.account import Account, TriggerName
from ledger.entry import Entry, encode_entry
from ledger.trigger_changes import changed_trigger
from protocol.errors import OK
from protocol.messages import Buy, CancelBuy, CancelSell, CommitBuy, CommitSell, Sell

_ORDER_KINDS = frozenset(
    command.KIND for command in (Buy, CommitBuy, CancelBuy, Sell, CommitSell, CancelSell)
)
"""What changes pending orders where it is accepted; a lapse bears the kind of a CANCEL."""


class JournalLine(Struct, frozen=True, gc=False):
    """An entry as it goes into the journal.

    :ivar user: the account's name.
    :ivar previous_id: the command id of the user's entry before it; means nothing for the first.
    """

    user: str
    seq: int
    command_id: bytes
    previous_id: bytes
    decided_ms: int
    encoded: bytes


class AccountWrite(Struct, eq=False, gc=False):
    """The new state of one account, and the entries that led to it.

    The account is read when the batch leaves; until then more entries may join.

    :ivar expected_seq: the version of the stored account on which the entries were decided.
    :ivar lines: the entries, oldest first.
    :ivar symbols: the stocks whose free shares the entries changed.
    :ivar triggers: the triggers that they set, armed, cancelled or fired, each time.
    :ivar has_new_pending: they placed or ended a pending order.
    """

    account: Account
    expected_seq: int
    lines: list[JournalLine] = []
    symbols: frozenset[str] = frozenset()
    triggers: tuple[TriggerName, ...] = ()
    has_new_pending: bool = False

    def add(self, entry: Entry) -> JournalLine:
        """Let an entry join the write."""
        account, command_id = self.account, entry.command_id
        line = JournalLine(
            account.user,
            entry.seq,
            command_id,
            account.last_id,
            entry.decided_ms,
            encode_entry(entry),
        )
        account.last_id = command_id
        self.lines.append(line)
        if entry.code is OK:
            self._note_changes(entry)
        return line

    def _note_changes(self, entry: Entry) -> None:
        for movement in entry.movements:
            if movement.holding:
                self.symbols |= {movement.symbol}
        if entry.kind in _ORDER_KINDS:
            self.has_new_pending = True
        elif trigger := changed_trigger(entry):
            self.triggers += (trigger,)


_decided_ms = attrgetter("decided_ms")


def in_decision_order(writes: Iterable[AccountWrite]) -> list[JournalLine]:
    """The journal lines of a batch in the order in which they are numbered: that of their times.

    So the times of a stream never go back, whatever users its entries are about.
    """
    return sorted(chain.from_iterable(write.lines for write in writes), key=_decided_ms)
