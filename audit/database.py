"""The file that keeps the log: SQLite, written in batches, never changed afterwards.

Used by `audit.store` and `audit.reading`. Everything here blocks, so it runs in threads of its own.
One row keeps one appended batch as it came, or one security event; a chain of hashes runs over
the rows in the order of arrival.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from audit import layout
from audit.bearers import hits_of
from audit.chain import Link, RowKind
from audit.fitness import BadEntries, Batch, understand_entries, understand_events
from audit.security import SecurityEvent, is_security_stream
from ledger.entry import Cause, Entry
from protocol.errors import Code, TradeError
from protocol.quote import Quote

_USED_QUOTES_MAX = 50_000

pack = msgspec.msgpack.Encoder().encode
unpack_entries = msgspec.msgpack.Decoder(list[bytes]).decode
unpack_bearers = msgspec.msgpack.Decoder(frozenset[int]).decode


class Gap(TradeError):
    """Entries are missing before these; `expected_number` is the first of them."""

    def __init__(self, stream: str, expected_number: int) -> None:
        super().__init__(
            Code.UNEXPECTED_MESSAGE, f"the next entry of stream {stream} is {expected_number}"
        )
        self.expected_number = expected_number


class Addition(Struct, frozen=True):
    """Entries, or security events, to be added to a stream, numbered from `first_number` on."""

    stream: str
    first_number: int
    entries: list[bytes]


def connect(path: Path) -> sqlite3.Connection:
    """Open the file for one thread at a time, which need not always be the same.

    Raises `sqlite3.Error`.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


class Database:
    """The writing side of the file; one thread at a time.

    :ivar identity: which log it is.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, made new if there is none; raises `sqlite3.Error`."""
        self._used_quotes: set[Quote] = set()
        try:
            self._connection = connect(path)
            layout.prepare(self._connection)
            self.identity = layout.identity(self._connection)
            self._link = layout.last_link(self._connection)
        except sqlite3.Error as error:
            raise sqlite3.DatabaseError(f"{path} cannot be used: {error}") from error

    def follow(self, predecessor: bytes) -> None:
        """Let the log name the one that it was made from."""
        self._connection.execute("UPDATE log SET predecessor = ?", (predecessor,))
        self.identity = layout.identity(self._connection)

    @property
    def link(self) -> Link:
        """How far the chain goes."""
        return self._link

    def positions(self) -> dict[str, int]:
        """The last number of each stream."""
        return dict(self._connection.execute("SELECT name, last_number FROM stream"))

    def add(self, additions: Sequence[Addition]) -> list[int | TradeError]:
        """Add entries in one transaction, and tell of each addition what is durable now.

        That is the last number of its stream, or the `Gap` or `BadEntries` for which nothing of
        it was added. Raises `sqlite3.Error`, and then nothing was added.
        """
        before = self._link
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            results = [self._add(addition) for addition in additions]
            self._connection.execute("COMMIT")
        except BaseException:
            self._link = before
            self._used_quotes.clear()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return results

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _add(self, addition: Addition) -> int | TradeError:
        name = addition.stream
        execute = self._connection.execute
        row = execute("SELECT id, last_number FROM stream WHERE name = ?", (name,)).fetchone()
        stream, last_number = row or (None, 0)
        if not 1 <= addition.first_number <= last_number + 1:
            return Gap(name, last_number + 1)
        encoded = addition.entries[last_number + 1 - addition.first_number :]
        if not encoded:
            return int(last_number)
        try:
            insert = self._rows_of(name, last_number + 1, encoded)
        except BadEntries as refusal:
            return refusal
        if stream is None:
            stream = execute(
                "INSERT INTO stream (name, last_number) VALUES (?, 0) RETURNING id", (name,)
            ).fetchone()[0]
        insert(stream)
        last_number += len(encoded)
        execute("UPDATE stream SET last_number = ? WHERE id = ?", (last_number, stream))
        return int(last_number)

    def _rows_of(self, name: str, first_number: int, encoded: list[bytes]) -> Callable[[int], None]:
        """What inserts the rows that keep these, once the stream's key is known; raises
        `BadEntries`.
        """
        if is_security_stream(name):
            events = understand_events(name, encoded)
            return lambda stream: self._insert_events(stream, name, first_number, encoded, events)
        batch = understand_entries(name, encoded, self._used_quotes)
        return lambda stream: self._insert_batch(stream, name, first_number, encoded, batch)

    def _insert_batch(
        self, stream: int, name: str, first_number: int, encoded: list[bytes], batch: Batch
    ) -> None:
        bearers = [
            place
            for place, entry in hits_of(batch.unsettled)
            if self._bears(entry, stream, first_number, place)
        ]
        content = pack(encoded)
        self._chain(RowKind.BATCH, name, first_number, content)
        self._connection.execute(
            "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(self._link.number, stream, first_number, len(encoded)),
                *(batch.first_ms, batch.last_ms, content, pack(bearers)),
            ),
        )
        self._connection.execute(
            "INSERT INTO batch_users VALUES (?, ?)",
            (self._link.number, batch.users),
        )

    def _insert_events(
        self,
        stream: int,
        name: str,
        first_number: int,
        encoded: list[bytes],
        events: list[SecurityEvent],
    ) -> None:
        for number, (content, event) in enumerate(zip(encoded, events, strict=True), first_number):
            self._chain(RowKind.SECURITY, name, number, content)
            self._connection.execute(
                "INSERT INTO security VALUES (?, ?, ?, ?, ?)",
                (self._link.number, stream, number, event.at_ms, content),
            )

    def _chain(self, kind: RowKind, stream: str, first_number: int, content: bytes) -> None:
        """Bind the row that comes next to all before it."""
        self._link = self._link.followed_by(kind, stream, first_number, content)
        self._connection.execute(
            "INSERT INTO link VALUES (?, ?)", (self._link.number, self._link.digest)
        )

    def _bears(self, entry: Entry, stream: int, first_number: int, place: int) -> bool:
        """Note the hit behind an entry; False where another entry bears it already.

        An entry that used the price takes it over from one that only tells the hit.
        """
        assert entry.quote is not None
        is_unused = entry.cause is Cause.HIT
        execute = self._connection.execute
        bearer = execute(
            "SELECT stream, first_number, place, is_unused FROM hit"
            " WHERE symbol = ? AND quoted_ms = ? AND cryptokey = ?",
            entry.quote.hit,
        ).fetchone()
        if not is_unused or (bearer is not None and not bearer[3]):
            self._remember_used(entry.quote)
        if bearer is not None and (is_unused or not bearer[3]):
            return False
        if bearer is not None:
            self._relieve(*bearer[:3])
        execute(
            "INSERT OR REPLACE INTO hit VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*entry.quote.hit, stream, first_number, place, is_unused),
        )
        return True

    def _remember_used(self, quote: Quote) -> None:
        """Most prices are used by many entries: only the first must ask who bears the hit."""
        if len(self._used_quotes) >= _USED_QUOTES_MAX:
            self._used_quotes.clear()
        self._used_quotes.add(quote)

    def _relieve(self, stream: int, first_number: int, place: int) -> None:
        """Let an entry bear its hit no more."""
        where = "WHERE stream = ? AND first_number = ?"
        execute = self._connection.execute
        packed = execute(f"SELECT bearers FROM batch {where}", (stream, first_number)).fetchone()[0]  # noqa: S608
        bearers = sorted(unpack_bearers(packed) - {place})
        execute(f"UPDATE batch SET bearers = ? {where}", (pack(bearers), stream, first_number))  # noqa: S608
