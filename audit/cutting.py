"""A log made from another one: as much of it as fits a ledger that was brought back.

Used by a restore. The other log stays as it is, and the new one names it: it is a log of its own,
with a chain of its own. Security events and hits are all taken over, because what was done, and
what is billed, was done and billed whatever became of the ledger. Blocks.
"""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from audit.chain import RowKind
from audit.chain_rows import Row, rows_in_order
from audit.database import Addition, Database, connect, unpack_entries
from audit.records import is_hit_stream
from audit.security import SecurityEvent, encode_event


def cut_log(
    source: Path,
    target: Path,
    positions: Mapping[str, int],
    predecessor: bytes,
    event_stream: str,
    event: SecurityEvent,
) -> int:
    """Make the log `target`, which must not exist, of `source`, with the streams of the ledger as
       far as `positions`; `event`, in a stream of its own, tells why.

       Returns how many entries stay out.
    Raises `sqlite3.Error`.
    """
    left_out = 0
    database = Database(target)
    database.follow(predecessor)
    try:
        with closing(connect(source)) as connection:
            for row in rows_in_order(connection):
                entries = content_of(row)
                limit = len(entries)
                if row.kind is RowKind.BATCH and not is_hit_stream(row.stream):
                    limit = max(0, positions.get(row.stream, 0) - row.first_number + 1)
                left_out += len(entries[limit:])
                add(database, row.stream, row.first_number, entries[:limit])
        add(database, event_stream, 1, [encode_event(event)])
    finally:
        database.close()
    return left_out


def content_of(row: Row) -> list[bytes]:
    """The entries of a batch, or the one event, as they came."""
    return unpack_entries(row.content) if row.kind is RowKind.BATCH else [row.content]


def add(database: Database, stream: str, first_number: int, entries: list[bytes]) -> None:
    """Add entries or events to a stream, if there are any; raises what refuses them."""
    if entries:
        (result,) = database.add([Addition(stream, first_number, entries)])
        if isinstance(result, Exception):
            raise result
