"""How far the audit daemon is behind the journal, seen from outside both.

Used by `benchmarks.bench`. Blocks; only reads.
"""

import sqlite3
import time
from pathlib import Path

from audit.records import is_hit_stream
from benchmarks.database import LedgerProbe

_POLL_S = 0.05


class AuditLag:
    """Compares the daemon's file with the ledger's streams."""

    def __init__(self, path: Path, ledger: LedgerProbe) -> None:
        self._file = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
        self._ledger = ledger

    def entries(self) -> int:
        """Entries that are in the journal and not yet durable at the daemon."""
        kept = dict(self._file.execute("SELECT name, last_number FROM stream"))
        positions = self._ledger.read().positions
        return sum(
            last_number - kept.get(name, 0)
            for name, last_number in positions.items()
            if not is_hit_stream(name)
        )

    def drained_after_s(self, limit_s: float) -> float | None:
        """Wait until nothing is behind, and tell how long that took; None if it was too long."""
        started_s = time.monotonic()
        while self.entries() > 0:
            if time.monotonic() - started_s > limit_s:
                return None
            time.sleep(_POLL_S)
        return time.monotonic() - started_s

    def close(self) -> None:
        """Look no more."""
        self._file.close()
