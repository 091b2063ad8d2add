"""What the log's file holds besides its rows, worked out anew from them: nothing of it is believed.

Used by `audit.chain_check`. The chain covers the rows as they came; how many entries a batch has,
whose they are, which one bears a hit and how far a stream goes all follow from the rows, in the
order of the chain.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any

from audit.batch_users import pack_users
from audit.bearers import Hit, hits_of
from audit.chain import RowKind
from audit.chain_rows import Row
from audit.database import unpack_bearers, unpack_entries
from audit.security import decode_event
from ledger.entry import Cause, Entry, decode_entry

Place = tuple[int, int, int]
"""Stream key, first number of the batch, place in it: as the table of hits names an entry."""


class DerivedCheck:
    """Follows the rows and yields, one line each, what is stored otherwise than it follows."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._positions: dict[int, int] = {}
        self._batches = 0
        self._bearers: dict[Hit, tuple[Place, bool]] = {}
        self._to_be_relieved: set[Place] = set()
        self._kept_too_long: list[Place] = []

    def take(self, row: Row) -> Iterator[str]:
        """Look at the next row, whose content the chain has confirmed."""
        expected = self._positions.get(row.stream_key, 0) + 1
        if row.first_number != expected:
            yield f"{row.name}: {expected} should come next"
        if row.kind is RowKind.SECURITY:
            self._positions[row.stream_key] = row.first_number
            if row.figures != (decode_event(row.content).at_ms,):
                yield f"{row.name}: its time is stored wrongly"
            return
        entries = list(map(decode_entry, unpack_entries(row.content)))
        self._positions[row.stream_key] = row.first_number + len(entries) - 1
        if row.figures != (len(entries), entries[0].decided_ms, entries[-1].decided_ms):
            yield f"{row.name}: its count or its times are stored wrongly"
        yield from self._check_users(row, entries)
        yield from self._check_bearers(row, entries)

    def at_end(self) -> Iterator[str]:
        """Look at what can be told only after the last row."""
        for name, stream, last_number in self._rows("SELECT name, id, last_number FROM stream"):
            if last_number != self._positions.get(stream, 0):
                yield f"stream {name} is said to reach {last_number}"
        if self._rows("SELECT count(*) FROM batch_users") != [(self._batches,)]:
            yield "users are stored of batches that there are not"
        for stream, first, place in sorted(self._to_be_relieved):
            yield f"entry {first + place} of stream {stream} bears its hit, and is not told so"
        for stream, first, place in self._kept_too_long:
            yield f"entry {first + place} of stream {stream} does not bear its hit any more"
        yield from self._check_hits()

    def _check_users(self, row: Row, entries: list[Entry]) -> Iterator[str]:
        self._batches += 1
        packed = pack_users({entry.user for entry in entries})
        if self._rows("SELECT users FROM batch_users WHERE batch = ?", row.number) != [(packed,)]:
            yield f"{row.name}: whose entries it holds is stored wrongly"

    def _check_bearers(self, row: Row, entries: list[Entry]) -> Iterator[str]:
        """Work out who bears the hits of a batch; some that bear one now may be relieved later."""
        bearing = {
            place
            for place, entry in hits_of(enumerate(entries))
            if self._bears((row.stream_key, row.first_number, place), entry)
        }
        try:
            stored = unpack_bearers(row.bearers)
        except ValueError:
            yield f"{row.name}: what bears a hit cannot be read"
            return
        for place in sorted(stored - bearing):
            yield f"{row.name}: entry {row.first_number + place} does not bear its hit"
        self._to_be_relieved.update(
            (row.stream_key, row.first_number, place) for place in bearing - stored
        )

    def _bears(self, place: Place, entry: Entry) -> bool:
        assert entry.quote is not None
        is_unused = entry.cause is Cause.HIT
        known, known_is_unused = self._bearers.get(entry.quote.hit, (None, True))
        if known is not None and (is_unused or not known_is_unused):
            return False
        if known in self._to_be_relieved:
            self._to_be_relieved.remove(known)
        elif known is not None:
            self._kept_too_long.append(known)
        self._bearers[entry.quote.hit] = (place, is_unused)
        return True

    def _check_hits(self) -> Iterator[str]:
        count = 0
        for *hit, stream, first, place, is_unused in self._connection.execute("SELECT * FROM hit"):
            count += 1
            if self._bearers.get(tuple(hit)) != ((stream, first, place), bool(is_unused)):
                yield f"hit {hit[0]} at {hit[1]}: its bearer is stored wrongly"
        if count != len(self._bearers):
            yield f"{len(self._bearers)} hits are in the rows, {count} are found by their names"

    def _rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, parameters).fetchall()
