"""Group commit: while one batch is on its way to the store, the next one fills.

Used by the desk. A lane is the one writer of a stream. A user is always in the same lane, so that a
user's decisions are in one batch in flight at a time.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from audit.shipper import Shipping
from ledger.entry import Entry
from ledger.store import (
    AccountWrite,
    CommandKnown,
    Fenced,
    OutcomeUnknown,
    Store,
    StoreUnavailable,
    Stream,
    in_decision_order,
)
from reactor_server.figures import LaneFigures
from reactor_server.seat import Decided, Seat, Ticket

REOPEN_S = 0.5
"""Pause between two attempts to reach a store that is away."""


class Batch:
    """What is written together: for each user one write, and the tickets that wait for it."""

    __slots__ = ("decided", "seats", "writes")

    def __init__(self) -> None:
        self.writes: dict[str, AccountWrite] = {}
        self.decided: dict[str, list[Decided]] = {}
        self.seats: dict[str, Seat] = {}

    def write_of(self, seat: Seat, expected_seq: int) -> AccountWrite:
        """The user's write in this batch, made where it is missing."""
        write = self.writes.get(seat.user)
        if write is None:
            assert seat.account is not None
            write = self.writes[seat.user] = AccountWrite(seat.account, expected_seq)
            self.decided[seat.user] = []
            self.seats[seat.user] = seat
        return write

    def take_out(self, user: str) -> list[Decided]:
        """Remove a user from the batch, and return what was decided for it."""
        self.writes.pop(user, None)
        self.seats.pop(user, None)
        return self.decided.pop(user, [])

    def put_in_doubt(self) -> None:
        """Remember that only the journal knows whether these commands were carried out."""
        for decisions in self.decided.values():
            for ticket, _ in decisions:
                if ticket is not None:
                    ticket.is_in_doubt = True

    @property
    def arrived_s(self) -> float | None:
        """When one of the commands arrived, the first of some user; None where none was sent."""
        for decisions in self.decided.values():
            ticket = decisions[0].ticket if decisions else None
            return None if ticket is None else ticket.arrived_s
        return None

    def place_of(self, entry: Entry) -> int:
        """Where an entry stands in the journal among those of the batch, from 0."""
        lines = in_decision_order(self.writes[user] for user in sorted(self.writes))
        return [line.entry.command_id for line in lines].index(entry.command_id)


class Lane:
    """One stream's batches, one after the other.

    :param on_committed: called with each batch that is durable, the numbers of its stream, and the
        users for whom nothing was written.
    :param on_undone: called with a batch of which nothing may be believed, once the store is back.
    :param on_fenced: called when another writer has taken the stream: this process must end.
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
    ) -> None:
        self.name = name
        self.figures = LaneFigures()
        self._clock = clock
        self._store = store
        self._shipping = shipping
        self._on_committed = on_committed
        self._on_undone = on_undone
        self._on_fenced = on_fenced
        self._stream: Stream | None = None
        self._open = Batch()
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

    def add(self, seat: Seat, ticket: Ticket | None, entry: Entry, expected_seq: int) -> None:
        """Put a decision into the open batch."""
        write = self._open.write_of(seat, expected_seq)
        write.add(entry)
        seat.recent.append(write.encoded[-1])
        self._open.decided[seat.user].append(Decided(ticket, entry))
        self._send_soon()

    def touch(self, seat: Seat) -> None:
        """Write the account as it is, though no entry changed it."""
        assert seat.account is not None
        self._open.write_of(seat, seat.account.seq)
        self._send_soon()

    def take_out(self, user: str) -> list[Decided]:
        """Remove a user from the open batch, and return what was decided for it."""
        return self._open.take_out(user)

    def _send_soon(self) -> None:
        # At the end of the turn, so that all commands of one read share a batch.
        if self._in_flight is None and self._send_call is None:
            self._send_call = self._clock.callLater(0, self._send)

    def _send(self) -> None:
        self._send_call = None
        if self._in_flight is None and self._open.writes and not self._is_closed:
            self._in_flight, self._open = self._open, Batch()
            committing = Deferred.fromCoroutine(self._commit(self._in_flight))
            committing.addErrback(self._broken)

    async def _commit(self, batch: Batch) -> None:
        assert self._stream is not None
        first_number = self._stream.last_number + 1
        writes = [batch.writes[user] for user in sorted(batch.writes)]
        sent_s = self._clock.seconds()
        try:
            conflicted = await self._store.commit(self._stream, writes)
        except CommandKnown:
            self._finish(lambda: self._on_undone(self, batch))
        except (OutcomeUnknown, StoreUnavailable) as trouble:
            self.log.warn("{lane}: outcome unknown: {why}", lane=self.name, why=str(trouble))
            batch.put_in_doubt()
            self.figures.doubts += 1
            if await self._reopen():
                self._finish(lambda: self._on_undone(self, batch))
        else:
            written = [write for write in writes if write.account.user not in conflicted]
            encoded = [line.encoded for line in in_decision_order(written)]
            if encoded:
                self._shipping.ship(first_number, encoded)
            self.figures.committed(len(encoded), sent_s, self._clock.seconds(), batch.arrived_s)
            self.figures.conflicts += len(conflicted)
            self._finish(lambda: self._on_committed(self, batch, first_number, conflicted))

    def _finish(self, tell: Callable[[], None]) -> None:
        """Let the next batch leave at once, then tell what became of this one."""
        self._in_flight = None
        tell()
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
