"""The log read back: the entries of all streams in the order of time, in constant memory.

May be imported by everyone above `ledger`; blocks, so a service calls it in a thread. Batches never
change, so each is read by itself, and no long transaction keeps the file from being tidied.
"""

import sqlite3
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from heapq import merge
from itertools import takewhile
from pathlib import Path

import msgspec
from msgspec import Struct

from audit import layout
from audit.batch_users import may_hold
from audit.chain import Link
from audit.database import connect, unpack_bearers, unpack_entries
from audit.layout import Identity
from audit.records import is_hit_stream
from audit.security import SecurityEvent, decode_event, is_security_stream
from ledger.entry import Entry, decode_entry
from protocol.money import INT64_MAX


class StoredEntry(Struct, frozen=True, gc=False):
    """An entry with its place in the log.

    :ivar bears_hit: the hit behind its quote is told with this entry, and with no other.
    """

    stream: str
    number: int
    entry: Entry
    bears_hit: bool


class _Owner(Struct, frozen=True, gc=False, array_like=True):
    """As much of an entry as tells whose it is."""

    user: str


_FIRST_NUMBERS = """
SELECT first_number, x'' FROM batch WHERE stream = ? AND first_number <= ? ORDER BY first_number
"""
_WITH_USERS = """
SELECT first_number, users FROM batch JOIN batch_users ON batch = id
WHERE stream = ? AND first_number <= ? ORDER BY first_number
"""
_BATCH = "SELECT entries, bearers FROM batch WHERE stream = ? AND first_number = ?"

_owner_of = msgspec.msgpack.Decoder(_Owner).decode


def read_entries(
    path: Path,
    user: str = "",
    positions: Mapping[str, int] | None = None,
    hits_until_ms: int = INT64_MAX,
) -> Generator[StoredEntry, None, None]:
    """Yield the entries of one user, or (empty) of all, in the order of (time, stream, number).

    :param positions: how far to read of each stream of the ledger, and none of the others; None
        reads all that is stored at the start.
    :param hits_until_ms: how far to read of the streams that tell hits alone.

    Raises `sqlite3.Error`.
    """
    with closing(connect(path)) as connection:
        # One view of the file for the whole reading: which entry bears a hit may change meanwhile.
        connection.execute("BEGIN")
        streams = connection.execute("SELECT name, id, last_number FROM stream").fetchall()
        readers = []
        for name, stream, last_number in streams:
            if is_security_stream(name):
                continue
            is_hits = is_hit_stream(name)
            limit = last_number if positions is None or is_hits else positions.get(name, 0)
            entries = _StreamReader(connection, name, stream, limit).entries(user)
            readers.append(_until(entries, hits_until_ms) if is_hits else entries)
        yield from merge(*readers, key=_place_in_time)


def read_positions(path: Path) -> dict[str, int]:
    """The last stored number of each stream; raises `sqlite3.Error`."""
    with closing(connect(path)) as connection:
        return dict(connection.execute("SELECT name, last_number FROM stream").fetchall())


def read_security(path: Path) -> Generator[SecurityEvent, None, None]:
    """Yield the events of the security log in the order of time; raises `sqlite3.Error`."""
    with closing(connect(path)) as connection:
        for (event,) in connection.execute("SELECT event FROM security ORDER BY at_ms, id"):
            yield decode_event(event)


def read_identity(path: Path) -> Identity:
    """Which log a file holds; raises `sqlite3.Error`."""
    with closing(connect(path)) as connection:
        return layout.identity(connection)


def read_last_link(path: Path) -> Link:
    """How far the chain of a file goes; raises `sqlite3.Error`."""
    with closing(connect(path)) as connection:
        return layout.last_link(connection)


def read_link(path: Path, number: int) -> Link | None:
    """A row's link as it is stored, or None where there is no such row; raises `sqlite3.Error`."""
    with closing(connect(path)) as connection:
        where = "SELECT number, digest FROM link WHERE number = ?"
        row = connection.execute(where, (number,)).fetchone()
    return None if row is None else Link(*row)


def _until(entries: Iterator[StoredEntry], last_ms: int) -> Iterator[StoredEntry]:
    return takewhile(lambda stored: stored.entry.decided_ms <= last_ms, entries)


def _place_in_time(stored: StoredEntry) -> tuple[int, str, int]:
    return stored.entry.decided_ms, stored.stream, stored.number


class _StreamReader:
    """Reads one stream up to a limit."""

    __slots__ = ("_connection", "_limit", "_name", "_stream")

    def __init__(self, connection: sqlite3.Connection, name: str, stream: int, limit: int) -> None:
        self._connection = connection
        self._name = name
        self._stream = stream
        self._limit = limit

    def entries(self, user: str) -> Iterator[StoredEntry]:
        """Yield the user's, or everybody's, entries in the order of their numbers."""
        for first_number, encoded, bearers in self._batches(user):
            for place, entry in enumerate(encoded):
                number = first_number + place
                if number <= self._limit and (not user or _owner_of(entry).user == user):
                    yield self._stored(number, decode_entry(entry), place in bearers, user)

    def _stored(self, number: int, entry: Entry, bears_hit: bool, user: str) -> StoredEntry:
        """An entry for one user's log does not tell the hit that was made in another one's name."""
        is_other = bool(user) and entry.quote is not None and entry.quote.asker != user
        return StoredEntry(self._name, number, entry, bears_hit and not is_other)

    def _batches(self, user: str) -> Iterator[tuple[int, list[bytes], frozenset[int]]]:
        execute = self._connection.execute
        which = _WITH_USERS if user else _FIRST_NUMBERS
        for first_number, users in execute(which, (self._stream, self._limit)):
            if not user or may_hold(users, user):
                entries, bearers = execute(_BATCH, (self._stream, first_number)).fetchone()
                yield first_number, unpack_entries(entries), unpack_bearers(bearers)
