"""What Postgres wrote meanwhile: journal rows, WAL, flushes, and the sizes of the batches.

Used by `benchmarks.bench`. Blocks; asks over a connection of its own.
"""

from collections import Counter
from typing import Any

import psycopg2
from msgspec import Struct

_BATCH_SAMPLE = 50_000
"""Of each stream the newest so many entries tell how large its batches are."""

WAL_SEGMENTS_MAX = 160
"""As many as Postgres fills until a checkpoint, with max_wal_size at 4 GB."""

_FILL_SEGMENT = "SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()"

_WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
_FLUSHES = "SELECT coalesce(sum(fsyncs), 0)::bigint FROM pg_stat_io WHERE object = 'wal'"
_POSITIONS = "SELECT name, last_number FROM stream"
_BATCHES = """
SELECT count(*) FROM journal j JOIN stream s USING (stream_key)
WHERE s.name = %s AND j.number > %s
GROUP BY j.xmin
"""


class LedgerReading(Struct, frozen=True):
    """How far the ledger's streams are, and what Postgres has written to its log."""

    positions: dict[str, int]
    wal_bytes: int
    wal_flushes: int

    @property
    def entries(self) -> int:
        """Journal entries so far."""
        return sum(self.positions.values())


class LedgerProbe:
    """Looks at the ledger from outside."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg2.connect(dsn)
        self._connection.autocommit = True

    def season_wal(self, segments: int) -> None:
        """Bring Postgres to where it is in the long run: its log goes to files that are used again.

        Before the first checkpoint each is made when it is needed, and all who commit wait for it.
        """
        for _ in range(segments):
            self._ask(_FILL_SEGMENT)
        with self._connection.cursor() as cursor:
            cursor.execute("CHECKPOINT")

    def read(self) -> LedgerReading:
        """Read where it stands now."""
        return LedgerReading(
            dict(self._ask(_POSITIONS)), self._ask(_WAL)[0][0], self._ask(_FLUSHES)[0][0]
        )

    def batch_sizes(self, positions: dict[str, int]) -> Counter[int]:
        """How many of the newest batches had how many entries; the oldest of them is cut off."""
        sizes: Counter[int] = Counter()
        for name, last_number in positions.items():
            sizes.update(row[0] for row in self._ask(_BATCHES, name, last_number - _BATCH_SAMPLE))
        return sizes

    def close(self) -> None:
        """Look no more."""
        self._connection.close()

    def _ask(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return cursor.fetchall()
