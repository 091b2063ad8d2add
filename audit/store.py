"""The log's storage as the daemon uses it: appends share transactions, and nobody blocks.

Used by `audit.daemon`. What `append` has fired for is durable; the positions never go back.
"""

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from audit.chain import Link, first_link
from audit.database import Addition, Database
from audit.layout import Identity
from audit.reading import StoredEntry, read_entries, read_link
from protocol.errors import Code, TradeError
from protocol.money import INT64_MAX

T = TypeVar("T")


class RunInThread(Protocol):
    """Runs blocking work elsewhere: in a service, `deferToThreadPool` with a pool."""

    def __call__(self, work: Callable[[], T]) -> Deferred[T]:
        """Run the work; fires or fails, in the reactor's thread, as it ends."""
        ...


class NotStored(TradeError):
    """The file could not be written; nothing of the append is in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(Code.AUDIT_UNAVAILABLE, f"the audit log cannot be written: {reason}")


class Store:
    """The log's storage.

    :ivar positions: the last durable number of each stream.
    :ivar identity: which log it is, once it is open.
    :ivar link: how far its chain goes, durably.
    :ivar in_reader: runs the blocking steps of what `read` returns.
    :ivar trouble: why the last write failed, empty when it did not.
    """

    log = Logger()

    def __init__(
        self, clock: IReactorTime, path: Path, in_writer: RunInThread, in_reader: RunInThread
    ) -> None:
        """Take a file, to be opened.

        :param in_writer: runs one piece of work after the other, never two at a time.
        """
        self._clock = clock
        self._path = path
        self._in_writer = in_writer
        self.in_reader = in_reader
        self._database: Database | None = None
        self._queue: list[tuple[Addition, Deferred[int]]] = []
        self._writing: Deferred[None] | None = None
        self._watchers: dict[Deferred[None], Mapping[str, int]] = {}
        self.positions: dict[str, int] = {}
        self.identity = Identity(b"")
        self.link = first_link(b"")
        self.trouble = ""

    async def open(self) -> None:
        """Open the file, made new if there is none; raises `sqlite3.Error`."""
        self._database = await self._in_writer(lambda: Database(self._path))
        self.positions = await self._in_writer(self._database.positions)
        self.identity, self.link = self._database.identity, self._database.link

    async def close(self) -> None:
        """Write what is queued and close the file."""
        if self._writing is not None:
            await self._writing
        database, self._database = self._database, None
        if database is not None:
            await self._in_writer(database.close)

    # Appending.

    def append(self, stream: str, first_number: int, entries: list[bytes]) -> Deferred[int]:
        """Add entries; what of them is stored already is passed over.

        Fires with the last number of the stream once they are durable. Fails with `Gap`,
        `BadEntries` or `NotStored`, and then nothing of them was added. Cancelling only gives up
        waiting.
        """
        if self._database is None:
            return fail(NotStored("it is not open"))
        stored: Deferred[int] = Deferred()
        self._queue.append((Addition(stream, first_number, entries), stored))
        if self._writing is None:
            self._writing = Deferred.fromCoroutine(self._write_queue(self._database))
            self._writing.addErrback(
                lambda failure: self.log.failure("the queue of appends is broken", failure)
            )
        return stored

    async def _write_queue(self, database: Database) -> None:
        """Write until nothing is queued; what queues up during one transaction is the next."""
        await self._next_turn()
        while self._queue:
            queue, self._queue = self._queue, []
            results = await self._write(database, [addition for addition, _ in queue])
            for (addition, stored), result in zip(queue, results, strict=True):
                if isinstance(result, TradeError):
                    stored.errback(result)
                else:
                    self.positions[addition.stream] = result
                    stored.callback(result)
            self._tell_watchers()
        self._writing = None

    async def _write(self, database: Database, additions: list[Addition]) -> list[int | TradeError]:
        try:
            results = await self._in_writer(lambda: database.add(additions))
        except Exception as error:
            # Whatever it is, all who wait must be told, and what comes next may be tried again.
            self.trouble = str(error) or type(error).__name__
            self.log.failure("the audit log cannot be written")
            return [NotStored(self.trouble) for _ in additions]
        self.trouble = ""
        self.link = database.link
        return results

    def _next_turn(self) -> Deferred[None]:
        """Fires on the next turn, so that appends of one turn share a transaction."""
        turn: Deferred[None] = Deferred()
        self._clock.callLater(0, turn.callback, None)
        return turn

    # Reading.

    def link_at(self, number: int) -> Deferred[Link | None]:
        """Fires with a row's link, or None where there is no such row."""
        return self.in_reader(lambda: read_link(self._path, number))

    def reached(self, positions: Mapping[str, int]) -> Deferred[None]:
        """Fires once everything up to these positions is durable; may be cancelled."""
        reached: Deferred[None] = Deferred(self._forget_watcher)
        self._watchers[reached] = positions
        self._clock.callLater(0, self._tell_watchers)
        return reached

    def _forget_watcher(self, watcher: Deferred[None]) -> None:
        self._watchers.pop(watcher, None)

    def _tell_watchers(self) -> None:
        for watcher, positions in list(self._watchers.items()):
            has = self.positions
            if all(has.get(stream, 0) >= number for stream, number in positions.items()):
                self._watchers.pop(watcher, None)
                watcher.callback(None)

    def read(
        self, user: str, positions: Mapping[str, int] | None, hits_until_ms: int = INT64_MAX
    ) -> Generator[StoredEntry, None, None]:
        """Iterate over what `read_entries` reads of this file; blocks at each step."""
        return read_entries(self._path, user, positions, hits_until_ms)
