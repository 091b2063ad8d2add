"""A batch: what is written together, and who waits for it.

Used by the lanes and the desk.
"""

from ledger.entry import Entry
from ledger.writes import AccountWrite, in_decision_order
from reactor_server.seat import Seat, Ticket


class SeatWrite(AccountWrite, kw_only=True, eq=False, gc=False):
    """One user's part of a batch.

    :ivar tickets: those whose entries are in it, in order; what lapsed has none.
    """

    seat: Seat
    tickets: list[Ticket] = []


class Batch:
    """One write for each user, by the account's name.

    :ivar entries: how many entries the writes have together.
    """

    __slots__ = ("entries", "writes")

    def __init__(self) -> None:
        self.writes: dict[str, SeatWrite] = {}
        self.entries = 0

    def open_write(self, seat: Seat, expected_seq: int) -> SeatWrite:
        """Let a user take part, who does not yet."""
        assert seat.account is not None
        write = self.writes[seat.user] = SeatWrite(seat.account, expected_seq, seat=seat)
        return write

    def take_out(self, user: str) -> list[Ticket]:
        """Remove a user from the batch, and return the tickets that waited for it."""
        write = self.writes.pop(user, None)
        if write is None:
            return []
        self.entries -= len(write.lines)
        return write.tickets

    def in_user_order(self) -> list[SeatWrite]:
        """The writes in the order in which a store wants them."""
        return [self.writes[user] for user in sorted(self.writes)]

    def put_in_doubt(self) -> None:
        """Remember that only the journal knows whether these commands were carried out."""
        for write in self.writes.values():
            for ticket in write.tickets:
                ticket.is_in_doubt = True

    @property
    def sample(self) -> Ticket | None:
        """One of the commands, the first of some user; None where none was sent."""
        for write in self.writes.values():
            return write.tickets[0] if write.tickets else None
        return None

    def place_of(self, entry: Entry) -> int:
        """Where an entry stands in the journal among those of the batch, from 0."""
        lines = in_decision_order(self.in_user_order())
        return [line.command_id for line in lines].index(entry.command_id)
