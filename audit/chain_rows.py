"""The rows of the log's file as the chain numbers them, for who checks them.

Used by `audit.chain_check`, and to make a log from another one. Blocks; constant memory.
"""

import sqlite3
from collections.abc import Iterator
from heapq import merge

from msgspec import Struct

from audit.chain import Link, RowKind


class Row(Struct, frozen=True, gc=False):
    """One row with what is stored beside it.

    :ivar stream: empty where the row names no stream that there is.
    :ivar first_number: of its entries, or of its event.
    :ivar content: what the chain covers.
    :ivar figures: of a batch its count, first_ms and last_ms; of an event its at_ms.
    :ivar bearers: of a batch, as stored.
    """

    number: int
    kind: RowKind
    stream_key: int
    stream: str
    first_number: int
    content: bytes
    figures: tuple[int, ...]
    bearers: bytes = b""

    @property
    def name(self) -> str:
        """What a person calls the row."""
        what = "batch from entry" if self.kind is RowKind.BATCH else "event"
        return f"row {self.number}: stream {self.stream or '?'}, {what} {self.first_number}"


_BATCHES = """
SELECT batch.id, stream, coalesce(name, ''), first_number, entries, bearers,
    count, first_ms, last_ms
FROM batch LEFT JOIN stream ON stream.id = stream WHERE batch.id > ? ORDER BY batch.id
"""
_EVENTS = """
SELECT security.id, stream, coalesce(name, ''), number, event, at_ms
FROM security LEFT JOIN stream ON stream.id = stream WHERE security.id > ? ORDER BY security.id
"""


def rows_in_order(connection: sqlite3.Connection, after: int = 0) -> Iterator[Row]:
    """Yield the rows after one by their numbers; raises `sqlite3.Error` for a damaged file."""
    batches, events = _batches(connection, after), _events(connection, after)
    return merge(batches, events, key=lambda row: row.number)


def good_rows(connection: sqlite3.Connection, link: Link) -> Iterator[tuple[Row, Link]]:
    """Yield the rows after `link` with their links, up to the first that is not what was stored."""
    stored = links_in_order(connection, link.number)
    for row, expected in zip(rows_in_order(connection, link.number), stored, strict=False):
        link = link.followed_by(row.kind, row.stream, row.first_number, row.content)
        if link != expected or row.number != link.number:
            return
        yield row, link


def _batches(connection: sqlite3.Connection, after: int) -> Iterator[Row]:
    for row in connection.execute(_BATCHES, (after,)):
        number, key, stream, first, content, bearers, *figures = row
        yield Row(number, RowKind.BATCH, key, stream, first, content, tuple(figures), bearers)


def _events(connection: sqlite3.Connection, after: int) -> Iterator[Row]:
    for number, key, stream, first, content, *figures in connection.execute(_EVENTS, (after,)):
        yield Row(number, RowKind.SECURITY, key, stream, first, content, tuple(figures))


def links_in_order(connection: sqlite3.Connection, after: int = 0) -> Iterator[Link]:
    """Yield all links after one by their numbers."""
    links = "SELECT number, digest FROM link WHERE number > ? ORDER BY number"
    for row in connection.execute(links, (after,)):
        yield Link(*row)
