"""Reading accounts into seats, many at a time, and asking the journal for what is known already.

Used by the desk. This is the one way in: for a user's first command here, after another writer's
change, and after a commit whose outcome is unknown.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ledger.entry import Entry
from ledger.store import Store, StoreUnavailable
from protocol.messages import DisplaySummary, Error
from reactor_server.seat import HISTORY_LINES, Seat, Ticket

RETRY_S = 0.5
PATIENCE_S = 10.0
"""How long a command may wait for a store that is away before it is told to come again."""


class Loading:
    """Seats whose accounts are being read.

    :param on_known: called with a ticket whose command the journal holds, and its entry.
    :param on_loaded: called with each seat that has its account.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        store: Store,
        on_known: Callable[[Seat, Ticket, Entry], None],
        on_loaded: Callable[[Seat], None],
    ) -> None:
        self._clock = clock
        self._store = store
        self._on_known = on_known
        self._on_loaded = on_loaded
        self._wanted: dict[str, Seat] = {}
        self._call: Any = None
        self._reading: Deferred[None] | None = None
        self._is_closed = False

    def load(self, seat: Seat) -> None:
        """Read the seat's account; what waits at the seat goes on after."""
        self._wanted[seat.user] = seat
        if self._call is None and self._reading is None:
            self._call = self._clock.callLater(0, self._start)

    def _start(self) -> None:
        self._call = None
        seats, self._wanted = list(self._wanted.values()), {}
        self._reading = Deferred.fromCoroutine(self._read(seats))
        self._reading.addCallbacks(
            lambda _: self._ended(pause_s=0), lambda failure: self._failed(failure, seats)
        )

    async def _read(self, seats: list[Seat]) -> None:
        ids = [ticket.command_id for seat in seats for ticket in seat.queue]
        known = await self._store.entries_by_id(ids) if ids else {}
        accounts = await self._store.load([seat.user for seat in seats])
        for seat in seats:
            await self._find_pages(seat, known, accounts[seat.user].seq)
        for seat in seats:
            seat.sit(accounts[seat.user])
            for ticket in [ticket for ticket in seat.queue if ticket.command_id in known]:
                seat.drop(ticket)
                self._on_known(seat, ticket, known[ticket.command_id])
            for ticket in seat.queue:
                ticket.is_in_doubt = False
            self._on_loaded(seat)

    async def _find_pages(self, seat: Seat, known: dict[bytes, Entry], seq: int) -> None:
        """Read the history that a DISPLAY_SUMMARY shows, which is answered afresh."""
        for ticket in list(seat.queue):
            command = ticket.command
            if ticket.command_id in known and isinstance(command, DisplaySummary):
                before_seq = command.before_seq or seq + 1
                ticket.older = await self._store.history(seat.user, before_seq, HISTORY_LINES)

    def _failed(self, failure: Failure, seats: list[Seat]) -> None:
        if self._is_closed:
            return
        refusal = failure.value
        if isinstance(refusal, StoreUnavailable):
            self.log.warn("accounts cannot be read: {why}", why=str(refusal))
        else:
            self.log.failure("accounts cannot be read", failure)
            refusal = StoreUnavailable("see the server's log")
        too_old_s = self._clock.seconds() - PATIENCE_S
        for seat in seats:
            oldest = next((ticket for ticket in seat.queue if not ticket.is_in_doubt), None)
            if oldest is not None and oldest.arrived_s < too_old_s:
                seat.send_back(Error(refusal.code, refusal.message))
            self._wanted.setdefault(seat.user, seat)
        self._ended(pause_s=RETRY_S)

    def _ended(self, pause_s: float) -> None:
        self._reading = None
        if self._wanted:
            self._call = self._clock.callLater(pause_s, self._start)

    def close(self) -> None:
        """Read nothing more."""
        self._is_closed = True
        self._wanted.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._reading is not None:
            self._reading.cancel()
