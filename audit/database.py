"""The file that keeps the log: SQLite, written in batches, never changed afterwards.

Used by `audit.store` and `audit.reading`. Everything here blocks, so it runs in threads of its own.
One row keeps one appended batch as it came, numbered in the order of arrival, so that a chain of
hashes can run over the rows.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from audit.records import COMMAND_KINDS
from ledger.entry import Cause, Entry, decode_entry
from protocol.errors import Code, TradeError
from protocol.money import INT64_MAX, INT64_MIN

_LAYOUT_VERSION = 1

_LAYOUT = f"""
CREATE TABLE stream (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    last_number INTEGER NOT NULL            -- everything up to here is in `batch`
) STRICT;
CREATE TABLE batch (
    id           INTEGER PRIMARY KEY,       -- 1.. in the order of arrival, without gaps
    stream       INTEGER NOT NULL REFERENCES stream,
    first_number INTEGER NOT NULL,
    count        INTEGER NOT NULL,
    first_ms     INTEGER NOT NULL,          -- when the first entry was decided, Unix ms
    last_ms      INTEGER NOT NULL,
    entries      BLOB NOT NULL,             -- MessagePack: list of entries as they came
    bearers      BLOB NOT NULL,             -- MessagePack: which of them bear their hit, from 0
    UNIQUE (stream, first_number)
) STRICT;
CREATE TABLE batch_user (
    user         TEXT NOT NULL,             -- has entries in the batch
    stream       INTEGER NOT NULL,
    first_number INTEGER NOT NULL,
    PRIMARY KEY (user, stream, first_number)
) STRICT, WITHOUT ROWID;
CREATE TABLE hit (
    symbol       TEXT NOT NULL,
    quoted_ms    INTEGER NOT NULL,
    cryptokey    TEXT NOT NULL,
    stream       INTEGER NOT NULL,          -- the batch and place of the entry that bears it
    first_number INTEGER NOT NULL,
    place        INTEGER NOT NULL,
    is_unused    INTEGER NOT NULL,          -- 1: no entry that used the price has come yet
    PRIMARY KEY (symbol, quoted_ms, cryptokey)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {_LAYOUT_VERSION};
"""

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


class BadEntries(TradeError):
    """What was sent cannot be kept, because it could never be told."""

    def __init__(self, reason: str) -> None:
        super().__init__(Code.BAD_BODY, reason)


class Addition(Struct, frozen=True):
    """Entries to be added to a stream, numbered from `first_number` on."""

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
    """The writing side of the file; one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file, made new if there is none; raises `sqlite3.Error`."""
        self._connection = connect(path)
        if self._layout_version() == 0:
            self._connection.executescript(f"BEGIN IMMEDIATE; {_LAYOUT} COMMIT;")
        if self._layout_version() != _LAYOUT_VERSION:
            raise sqlite3.DatabaseError(f"{path} has a layout that this version does not know")

    def _layout_version(self) -> int:
        version: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
        return version

    def positions(self) -> dict[str, int]:
        """The last number of each stream."""
        return dict(self._connection.execute("SELECT name, last_number FROM stream"))

    def add(self, additions: Sequence[Addition]) -> list[int | TradeError]:
        """Add entries in one transaction, and tell of each addition what is durable now.

        That is the last number of its stream, or the `Gap` or `BadEntries` for which nothing of
        it was added. Raises `sqlite3.Error`, and then nothing was added.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            results = [self._add(addition) for addition in additions]
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return results

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _add(self, addition: Addition) -> int | TradeError:
        execute = self._connection.execute
        row = execute(
            "SELECT id, last_number FROM stream WHERE name = ?", (addition.stream,)
        ).fetchone()
        stream, last_number = row or (None, 0)
        if not 1 <= addition.first_number <= last_number + 1:
            return Gap(addition.stream, last_number + 1)
        encoded = addition.entries[last_number + 1 - addition.first_number :]
        if not encoded:
            return int(last_number)
        try:
            entries = _understand(addition.stream, encoded)
        except BadEntries as refusal:
            return refusal
        if stream is None:
            stream = execute(
                "INSERT INTO stream (name, last_number) VALUES (?, 0) RETURNING id",
                (addition.stream,),
            ).fetchone()[0]
        self._insert(stream, last_number + 1, encoded, entries)
        last_number += len(encoded)
        execute("UPDATE stream SET last_number = ? WHERE id = ?", (last_number, stream))
        return int(last_number)

    def _insert(
        self, stream: int, first_number: int, encoded: list[bytes], entries: list[Entry]
    ) -> None:
        bearers = [
            place
            for place, entry in _hits(entries)
            if self._bears(entry, stream, first_number, place)
        ]
        times_ms = (entries[0].decided_ms, entries[-1].decided_ms)
        self._connection.execute(
            "INSERT INTO batch (stream, first_number, count, first_ms, last_ms, entries, bearers)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (stream, first_number, len(encoded), *times_ms, pack(encoded), pack(bearers)),
        )
        users = sorted({entry.user for entry in entries})
        self._connection.executemany(
            "INSERT INTO batch_user VALUES (?, ?, ?)",
            [(user, stream, first_number) for user in users],
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
        if bearer is not None and (is_unused or not bearer[3]):
            return False
        if bearer is not None:
            self._relieve(*bearer[:3])
        execute(
            "INSERT OR REPLACE INTO hit VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*entry.quote.hit, stream, first_number, place, is_unused),
        )
        return True

    def _relieve(self, stream: int, first_number: int, place: int) -> None:
        """Let an entry bear its hit no more."""
        where = "WHERE stream = ? AND first_number = ?"
        execute = self._connection.execute
        packed = execute(f"SELECT bearers FROM batch {where}", (stream, first_number)).fetchone()[0]  # noqa: S608
        bearers = sorted(unpack_bearers(packed) - {place})
        execute(f"UPDATE batch SET bearers = ? {where}", (pack(bearers), stream, first_number))  # noqa: S608


def _understand(stream: str, encoded: list[bytes]) -> list[Entry]:
    """Decode entries; raises `BadEntries` for what could not be told as XML later on."""
    if not stream.isprintable() or not stream:
        raise BadEntries("the name of a stream is printable")
    try:
        entries = list(map(decode_entry, encoded))
    except (ValueError, RecursionError) as error:
        raise BadEntries(f"an entry of stream {stream} cannot be read: {error}") from None
    for entry in entries:
        if not _can_be_told(entry):
            raise BadEntries(f"entry {entry.seq} of user {entry.user!r} makes no record")
    return entries


def _can_be_told(entry: Entry) -> bool:
    quoted_ms = 0 if entry.quote is None else entry.quote.quoted_ms
    return (
        entry.kind in COMMAND_KINDS
        and entry.transaction_num >= 1
        and 0 <= entry.decided_ms <= INT64_MAX
        and INT64_MIN <= quoted_ms <= INT64_MAX
    )


def _hits(entries: list[Entry]) -> list[tuple[int, Entry]]:
    """Each hit of a batch once, with the first entry that used it, else the one that tells it."""
    found: dict[tuple[str, int, str], tuple[int, Entry]] = {}
    for place, entry in enumerate(entries):
        if entry.quote is not None:
            known = found.get(entry.quote.hit)
            if known is None or (known[1].cause is Cause.HIT and entry.cause is not Cause.HIT):
                found[entry.quote.hit] = (place, entry)
    return list(found.values())
