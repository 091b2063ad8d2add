"""One dump of the log to one client: waited for, told in order, and no faster than it is read.

Used by `audit.daemon`. What a dump tells is durable, and never more than was asked for.
"""

from collections.abc import Generator, Iterator
from io import RawIOBase
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, DeferredSemaphore, TimeoutError
from twisted.internet.interfaces import IReactorTime

from audit.reading import StoredEntry
from audit.records import Record, records_of, server_of
from audit.store import Store
from audit.xml import xml_chunks
from protocol.errors import Code, TradeError
from protocol.messages import Chunk, Dump, Dumped, StreamPosition
from protocol.money import INT64_MAX
from service.server import Link

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class LogText:
    """The log as XML, made while it is read; all of it blocks.

    :ivar records: how many records were told so far.
    """

    def __init__(
        self, entries: Generator[StoredEntry, None, None], last: StreamPosition | None = None
    ) -> None:
        """Take entries in order; the one at `last` is told after all others."""
        self._entries = entries
        self._last = last
        self._chunks = xml_chunks(self._records())
        self.records = 0

    def next_chunk(self) -> bytes:
        """The next part of the text, empty at the end."""
        return next(self._chunks, b"")

    def close(self) -> None:
        """Let go of what is open, at the end or before."""
        self._chunks.close()
        self._entries.close()

    def _records(self) -> Iterator[Record]:
        for stored in self._with_last_at_end():
            records = records_of(stored.entry, server_of(stored.stream), stored.bears_hit)
            self.records += len(records)
            yield from records

    def _with_last_at_end(self) -> Iterator[StoredEntry]:
        if self._last is None:
            yield from self._entries
            return
        kept_back = None
        last = self._last
        for stored in self._entries:
            if stored.number == last.number and stored.stream == last.stream:
                kept_back = stored
            else:
                yield stored
        if kept_back is not None:
            yield kept_back


class LogFile(RawIOBase):
    """The text of a log as a file to be read once, without ever being whole anywhere."""

    def __init__(self, text: LogText) -> None:
        super().__init__()
        self._text = text
        self._rest = b""

    def readable(self) -> bool:
        """It is for nothing else."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill the buffer with what follows; returns how many bytes that was, 0 at the end."""
        target = memoryview(buffer)
        chunk = self._rest or self._text.next_chunk()
        count = min(len(chunk), len(target))
        target[:count] = chunk[:count]
        self._rest = chunk[count:]
        return count

    def close(self) -> None:
        """Let go of the log."""
        self._text.close()
        super().close()


class DumpReply:
    """Answers one Dump.

    :ivar link: whose it is.
    """

    def __init__(
        self,
        clock: IReactorTime,
        store: Store,
        turns: DeferredSemaphore,
        link: Link,
        request_id: bytes,
        request: Dump,
    ) -> None:
        self._clock = clock
        self._store = store
        self._turns = turns
        self.link = link
        self._request_id = request_id
        self._request = request
        self._reaching: Deferred[None] | None = None
        self._draining: Deferred[None] | None = None

    async def send(self) -> Dumped:
        """Stream the chunks and return the reply proper.

        Raises `TradeError` AUDIT_UNAVAILABLE when the deadline passes first, `sqlite3.Error`, and
        `CancelledError` once the client is gone.
        """
        request = self._request
        positions = {place.stream: place.number for place in request.positions}
        last = request.last
        if last is not None:
            positions[last.stream] = max(last.number, positions.get(last.stream, 0))
        await self._reach(positions)
        limits = positions if request.positions else None
        until_ms = request.until_ms or INT64_MAX
        text = LogText(self._store.read(request.user, limits, until_ms), last)
        await self._turns.run(lambda: Deferred.fromCoroutine(self._stream(text)))
        return Dumped(text.records)

    def link_lost(self) -> None:
        """The client is gone: wait for nothing more."""
        for waiting in (self._reaching, self._draining):
            if waiting is not None:
                waiting.cancel()

    def link_drained(self) -> None:
        """The client has read what was written for it."""
        draining, self._draining = self._draining, None
        if draining is not None:
            self._clock.callLater(0, draining.callback, None)

    async def _reach(self, positions: dict[str, int]) -> None:
        deadline_s = self._request.deadline_ms / 1000
        self._reaching = self._store.reached(positions).addTimeout(deadline_s, self._clock)
        try:
            await self._reaching
        except TimeoutError:
            raise TradeError(
                Code.AUDIT_UNAVAILABLE,
                f"the audit log lacked entries after {deadline_s:g} s: try again",
            ) from None
        finally:
            self._reaching = None

    async def _stream(self, text: LogText) -> None:
        try:
            while not self.link.is_lost:
                chunk = await self._store.in_reader(text.next_chunk)
                if not chunk:
                    return
                self.link.push(self._request_id, Chunk(chunk))
                if self.link.is_congested:
                    self._draining = Deferred()
                    await self._draining
        finally:
            await self._store.in_reader(text.close)
