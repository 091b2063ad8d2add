"""Ships a stream of journal entries to the audit daemon: all of them, in order, none for good lost.

Used by nodes and the trigger service. The journal is the durable outbox: what was committed is in
it, so a daemon that is down costs no more than a bounded piece of memory, and shipping goes on from
what the daemon has, after any restart of either side.
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from audit.flight import Flight
from audit.milestones import Milestones
from audit.recent import RecentEntries, leading
from protocol.errors import Code, TradeError
from protocol.messages import Append, Appended, AppendFrom, Message
from service.client import ClientProtocol, ConnectionEnded
from service.credentials import Credential
from service.reconnecting import StayingConnected

MEMORY_BYTES_MAX = 8 * 1024 * 1024
"""How much of what is not acknowledged is kept in memory."""

APPEND_BYTES_MAX = 256 * 1024
JOURNAL_ENTRIES_MAX = 2_000
"""Entries read back from the journal at a time."""

LINGER_S = 0.05
"""Pause after an Append that took everything: what is committed meanwhile shares the next one, and
one transaction at the daemon.
"""

RETRY_S = 1.0
"""How long to wait after the daemon or the journal has refused something."""


class JournalReader(Protocol):
    """The journal, as `ledger.store.Store` offers it."""

    async def entries_after(self, stream: str, number: int, limit: int) -> list[bytes]:
        """Encoded entries of a stream from `number + 1` on, in order, without gaps.

        Raises `TradeError` where it cannot be read now.
        """
        ...


AppendMaker = Callable[[str, int, list[bytes]], Message]
"""Makes the message that appends entries to a stream, from the first number on."""


class Shipping(Protocol):
    """What whoever commits entries of a stream asks of its shipper."""

    def ship(self, first_number: int, entries: list[bytes]) -> None:
        """Take entries that were committed, numbered from `first_number` on; never waits."""

    def advance_to(self, last_number: int) -> None:
        """Learn that the journal holds entries up to here, which were not handed over."""


class Lag(Struct, frozen=True, gc=False):
    """How far the daemon is behind.

    :ivar entries: committed, and not acknowledged by the daemon.
    :ivar held_bytes: what of them is in memory.
    """

    entries: int
    held_bytes: int
    is_connected: bool


class Shipper:
    """Ships one stream over a connection of its own.

    :ivar acked_number: everything up to here is durable at the daemon, as far as we know.
    :ivar stages: when entries were handed over, sent and acknowledged.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        credential: Credential,
        journal: JournalReader,
        stream: str,
        random: Callable[[], float],
        memory_bytes_max: int = MEMORY_BYTES_MAX,
        append: AppendMaker = Append,
    ) -> None:
        """Ship `stream` to the daemon at `endpoint`.

        :param random: spreads the attempts to connect again.
        :param append: what the entries travel in.
        """
        self._clock = clock
        self._journal = journal
        self._stream = stream
        self._append = append
        self._recent = RecentEntries(memory_bytes_max)
        self._is_placed = False
        self._link: ClientProtocol | None = None
        self._shipping: Deferred[None] | None = None
        self._stirred: Deferred[None] | None = None
        self._draining: dict[Deferred[None], int] = {}
        self._connecting = StayingConnected(
            endpoint, clock, "audit-shipper", credential, self._connected, random
        )
        self.acked_number = 0
        self._committed, self._shipped, self._acknowledged = (Milestones() for _ in range(3))
        self.stages = {
            "committed": self._committed,
            "shipped": self._shipped,
            "acknowledged": self._acknowledged,
        }

    def start(self) -> None:
        """Connect, and begin to ship once `advance_to` has told where the journal ends."""
        self._connecting.startService()

    async def stop(self) -> None:
        """Ship no more; what is not shipped stays in the journal."""
        self._end_shipping()
        await self._connecting.stopService()

    def advance_to(self, last_number: int) -> None:
        """Learn that the journal holds entries up to here, which were not handed over.

        Nothing is shipped before this was called once.
        """
        self._is_placed = True
        if last_number > self._recent.last_number:
            self._recent.add(last_number + 1, [])
            self._committed.reached(last_number, None)
        self._stir()

    def ship(self, first_number: int, entries: list[bytes]) -> None:
        """Take entries that were committed, numbered from `first_number` on; never waits."""
        self._recent.add(first_number, entries)
        self._committed.reached(first_number + len(entries) - 1, self._clock.seconds())
        self._stir()

    async def drain(self) -> None:
        """Wait until the daemon has all that was handed over until now; may be cancelled."""
        drained: Deferred[None] = Deferred(self._forget_waiter)
        self._draining[drained] = self._recent.last_number
        self._clock.callLater(0, self._tell_drained)
        await drained

    @property
    def lag(self) -> Lag:
        """How far the daemon is behind, now."""
        is_connected = self._link is not None and not self._link.is_lost
        entries = self._recent.last_number - self.acked_number
        return Lag(entries, self._recent.held_bytes, is_connected)

    # Connecting.

    def _connected(self, link: ClientProtocol) -> None:
        self._end_shipping()
        self._link = link
        self._shipping = Deferred.fromCoroutine(self._ship_over(link))
        self._shipping.addErrback(self._shipping_ended)

    def _end_shipping(self) -> None:
        shipping, self._shipping = self._shipping, None
        self._link = None
        if shipping is not None:
            shipping.cancel()

    def _shipping_ended(self, failure: Failure) -> None:
        if failure.check(CancelledError, ConnectionEnded) is None:
            self.log.failure("stream {stream} is not shipped", failure, stream=self._stream)

    # Sending.

    async def _ship_over(self, link: ClientProtocol) -> None:
        """Ship over this connection until it ends, from the start again after each refusal."""
        while True:
            try:
                await self._ship_on(link)
            except TradeError as refusal:
                self.log.warn(
                    "stream {stream} waits: {refusal}", stream=self._stream, refusal=str(refusal)
                )
            await deferLater(self._clock, RETRY_S)

    async def _ship_on(self, link: ClientProtocol) -> None:
        """Ship what the daemon lacks, and then what comes; raises whatever refuses an Append."""
        while not self._is_placed:
            await self._next_stir()
        flight = Flight(link, await self._ask_position(link))
        while True:
            flight.check()
            if flight.has_room and flight.sent_number < self._recent.last_number:
                entries = await self._entries_after(flight.sent_number)
                append = self._append(self._stream, flight.sent_number + 1, entries)
                flight.send(append, len(entries), self._acknowledge, self._stir)
                self._shipped.reached(flight.sent_number, self._clock.seconds())
                if flight.sent_number == self._recent.last_number:
                    await deferLater(self._clock, LINGER_S)
            else:
                await self._next_stir()

    async def _ask_position(self, link: ClientProtocol) -> int:
        """Ask how far the daemon is; a daemon that is ahead of the journal gets nothing more,
        because it would take new entries for old ones.
        """
        answer = await link.request(AppendFrom(self._stream))
        assert isinstance(answer, Appended)
        if answer.last_number > self._recent.last_number:
            raise TradeError(
                Code.INTERNAL,
                f"the audit daemon has entries up to {answer.last_number}, the journal ends with "
                f"{self._recent.last_number}: was one of them put back to an older state?",
            )
        self._acknowledge(answer)
        return answer.last_number

    async def _entries_after(self, number: int) -> list[bytes]:
        """The entries for the next Append, from memory or from the journal."""
        held = self._recent.after(number, APPEND_BYTES_MAX)
        if held:
            return held
        limit = min(JOURNAL_ENTRIES_MAX, self._recent.last_number - number)
        read = await self._journal.entries_after(self._stream, number, limit)
        if not read:
            raise TradeError(Code.STORE_UNAVAILABLE, f"the journal does not show {number + 1}")
        return leading(read, APPEND_BYTES_MAX)

    # What came of it.

    def _acknowledge(self, answer: Message) -> None:
        assert isinstance(answer, Appended)
        self.acked_number = answer.last_number
        self._acknowledged.reached(self.acked_number, self._clock.seconds())
        self._recent.forget(self.acked_number)
        self._clock.callLater(0, self._tell_drained)

    def _next_stir(self) -> Deferred[None]:
        self._stirred = Deferred()
        return self._stirred

    def _stir(self) -> None:
        """Let the sending coroutine look again, on the next turn."""
        stirred, self._stirred = self._stirred, None
        if stirred is not None:
            self._clock.callLater(0, stirred.callback, None)

    def _forget_waiter(self, waiter: Deferred[None]) -> None:
        self._draining.pop(waiter, None)

    def _tell_drained(self) -> None:
        for waiter, number in list(self._draining.items()):
            if number <= self.acked_number:
                self._draining.pop(waiter, None)
                waiter.callback(None)
