"""Group commit: while one batch is on its way to the store, the next one fills.

Used by the desk. A lane is the one writer of a stream. A user is always in the same lane, so that a
user's decisions are in one batch in flight at a time.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from audit.milestones import Milestones
from audit.shipper import Shipping
from ledger.entry import Entry
from ledger.store import (
    CommandKnown,
    Committed,
    Fenced,
    OutcomeUnknown,
    Store,
    StoreUnavailable,
    Stream,
)
from ledger.summary import encode_line
from reactor_server.batch import Batch, SeatWrite
from reactor_server.figures import CODE_BITS, LaneFigures
from reactor_server.seat import Seat, Ticket

ENTRIES_MAX = 700
"""A batch takes no more decisions than this: those that must wait are taken while it is written."""

ENTRIES_MIN = 24
"""A batch may always take this many: a smaller one costs more than it saves."""

REOPEN_S = 0.5
"""Pause between two attempts to reach a store that is away."""


class Lane:
    """One stream's batches, one after the other.

    :param on_committed: called with each batch that is durable, the numbers of its stream, and the
        users for whom nothing was written.
    :param on_undone: called with a batch of which nothing may be believed, once the store is back.
    :param on_fenced: called when another writer has taken the stream: this process must end.
    :param on_room: called with each seat that waited for room in the open batch.
    :ivar stages: when the first command of a batch was received, and when the batch left.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        store: Store,
        name: str,
        shipping: Shipping,
        on_committed: Callable[["Lane", Batch, int, frozenset[str]], None],
        on_undone: Callable[["Lane", Batch], None],
        on_fenced: Callable[[], None],
        on_room: Callable[[Seat], None],
    ) -> None:
        self.name = name
        self.figures = LaneFigures()
        self._received, self._sent = Milestones(), Milestones()
        self.stages = {"received": self._received, "sent": self._sent}
        self._clock = clock
        self._store = store
        self._shipping = shipping
        self._on_committed = on_committed
        self._on_undone = on_undone
        self._on_fenced = on_fenced
        self._on_room = on_room
        self._without_room: deque[Seat] = deque()
        self._stream: Stream | None = None
        self._open = Batch()
        self._room = ENTRIES_MAX
        self._told_entries = 0
        self._is_telling = False
        self._in_flight: Batch | None = None
        self._send_call: Any = None
        self._is_closed = False

    async def open(self) -> Stream:
        """Become the writer of the stream; raises `StoreUnavailable`."""
        self._stream = await self._store.open_stream(self.name)
        self._shipping.advance_to(self._stream.last_number)
        return self._stream

    @property
    def is_idle(self) -> bool:
        """Nothing waits to be written."""
        return self._in_flight is None and not self._open.writes

    def has(self, user: str) -> bool:
        """Something of this user waits to be written."""
        in_flight = self._in_flight
        return user in self._open.writes or (in_flight is not None and user in in_flight.writes)

    @property
    def is_full(self) -> bool:
        """The open batch should take no more decisions."""
        return self._open.entries >= self._room

    def wait_for_room(self, seat: Seat) -> None:
        """Have `on_room` called with the seat once the open batch has room; once, however often
        asked.
        """
        if not seat.waits_for_room:
            seat.waits_for_room = True
            self._without_room.append(seat)

    def add(self, seat: Seat, ticket: Ticket | None, entry: Entry, expected_seq: int) -> None:
        """Put a decision into the open batch."""
        batch = self._open
        write = batch.writes.get(seat.user) or batch.open_write(seat, expected_seq)
        batch.entries += 1
        write.add(entry)
        seat.recent.append(encode_line(entry))
        if ticket is not None:
            ticket.outcome = entry.kind << CODE_BITS | entry.code
            write.tickets.append(ticket)
        if self._in_flight is None and self._send_call is None:
            self._send_soon()

    def touch(self, seat: Seat) -> None:
        """Write the account as it is, though no entry changed it."""
        assert seat.account is not None
        if seat.user not in self._open.writes:
            self._open.open_write(seat, seat.account.seq)
        self._send_soon()

    def take_out(self, user: str) -> list[Ticket]:
        """Remove a user from the open batch, and return the tickets that waited for it."""
        return self._open.take_out(user)

    def _send_soon(self) -> None:
        # At the end of the turn, so that all commands of one read share a batch.
        if self._in_flight is None and self._send_call is None:
            self._send_call = self._clock.callLater(0, self._send)

    def _send(self) -> None:
        self._send_call = None
        self._leave()
        # There is room too where what filled the batch was taken out of it again.
        while self._without_room and not self.is_full and not self._is_closed:
            seat = self._without_room.popleft()
            seat.waits_for_room = False
            self._on_room(seat)

    def _leave(self) -> None:
        """Let the open batch leave, unless one is on its way."""
        if self._in_flight is None and self._open.writes and not self._is_closed:
            sent = self._in_flight = self._open
            self._open = Batch()
            self._room = self._fair_share(sent)
            committing = Deferred.fromCoroutine(self._commit(sent))
            committing.addErrback(self._broken)

    def _fair_share(self, sent: Batch) -> int:
        """How many decisions the batch after `sent` takes: half of all that are under way.

        So two equal batches take turns, and the node and the store each have one to work on. Who
        was answered last is about to ask again.
        """
        waiting = sum(len(seat.queue) for seat in self._without_room)
        under_way = sent.entries + self._told_entries + waiting
        return min(ENTRIES_MAX, max(ENTRIES_MIN, (under_way + 1) // 2))

    async def _commit(self, batch: Batch) -> None:
        assert self._stream is not None
        first_number = self._stream.last_number + 1
        writes = batch.in_user_order()
        sent_s = self._clock.seconds()
        try:
            committed = await self._write(self._stream, writes)
        except CommandKnown:
            self._finish(batch, lambda: self._on_undone(self, batch))
        except (OutcomeUnknown, StoreUnavailable) as trouble:
            self.log.warn("{lane}: outcome unknown: {why}", lane=self.name, why=str(trouble))
            batch.put_in_doubt()
            self.figures.doubts += 1
            if await self._reopen():
                self._finish(batch, lambda: self._on_undone(self, batch))
        else:
            conflicted, encoded = committed.conflicted, committed.encoded
            written = [write for write in writes if write.account.user not in conflicted]
            sample = batch.sample
            if encoded:
                self._shipping.ship(first_number, encoded)
                arrived_s = None if sample is None else sample.arrived_s
                self._received.reached(self._stream.last_number, arrived_s)
                self._sent.reached(self._stream.last_number, sent_s)
            self.figures.committed(written, len(encoded), sent_s, self._clock.seconds(), sample)
            self.figures.conflicts += len(conflicted)
            self._finish(
                batch,
                lambda: self._on_committed(self, batch, first_number, conflicted),
                may_leave=not conflicted,
            )

    async def _write(self, stream: Stream, writes: Sequence[SeatWrite]) -> Committed:
        try:
            return await self._store.commit(stream, writes)
        finally:
            # A store that answers at once answers while the batch before this one is told.
            while self._is_telling:
                await deferLater(self._clock, 0)

    def _finish(self, batch: Batch, tell: Callable[[], None], *, may_leave: bool = False) -> None:
        """Let the next batch leave, then tell what became of this one.

        Unless it is to be taken back, which may take something out of the next one.
        """
        self._told_entries = batch.entries
        self._in_flight = None
        self._is_telling = True
        if may_leave:
            self._leave()
        tell()
        self._is_telling = False
        self._send()

    async def _reopen(self) -> bool:
        """Take the stream again once the store is back, which fences what may still be under
        way.
        """
        while not self._is_closed:
            await deferLater(self._clock, REOPEN_S)
            try:
                await self.open()
            except StoreUnavailable as trouble:
                self.log.warn("{lane}: {why}", lane=self.name, why=str(trouble))
            else:
                return True
        return False

    def _broken(self, failure: Failure) -> None:
        if failure.check(Fenced) is not None:
            self.log.critical("{lane}: another process writes this stream", lane=self.name)
        else:
            self.log.failure("{lane}: a batch cannot be written", failure, lane=self.name)
        self._on_fenced()

    def close(self) -> None:
        """Start nothing new."""
        self._is_closed = True
        if self._send_call is not None:
            self._send_call.cancel()
            self._send_call = None
