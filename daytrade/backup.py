"""Base backups of the embedded PostgreSQL, and the archive of its WAL.

Used by `daytrade backup` and `daytrade restore`. The first backup makes the archive; from then on
the server copies each finished segment of WAL there, so that the ledger can be brought to any
moment after the backup. Blocks.

    postgres/backups/base-MS/   a base backup that ended at MS (Unix ms)
    postgres/backups/wal/       the segments
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from daytrade.embedded_postgres import EmbeddedPostgres
from daytrade.errors import StackError


class NoBackup(StackError):
    """There is no base backup from which the wanted moment can be reached."""


class BaseBackup(Struct, frozen=True, order=True):
    """A copy of the server's files, and when it was complete, Unix ms."""

    ended_ms: int
    path: Path


class Backups:
    """The backups of one server."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres
        self.wal_dir = postgres.wal_archive_dir
        self._dir = self.wal_dir.parent

    def bases(self) -> list[BaseBackup]:
        """All base backups, the oldest first."""
        found = self._dir.glob("base-*")
        return sorted(BaseBackup(int(path.name.removeprefix("base-")), path) for path in found)

    def newest_before(self, ms: int | None) -> BaseBackup:
        """The newest base backup, complete before a moment if one is given; raises `NoBackup`."""
        bases = [base for base in self.bases() if ms is None or base.ended_ms < ms]
        if not bases:
            raise NoBackup(
                f"no backup in {self._dir} is older than what shall be restored: "
                "run `daytrade backup` in time, and again now and then"
            )
        return bases[-1]

    def make(self, wall_ms: Callable[[], int]) -> BaseBackup:
        """Copy the running server's files; raises `PostgresFailed`."""
        programs = self._postgres.programs()
        for folder in (self._dir, self.wal_dir):
            folder.mkdir(mode=0o700, exist_ok=True)
            programs.own(folder)
        draft = self._dir / "unfinished"
        shutil.rmtree(draft, ignore_errors=True)
        programs.run(
            "pg_basebackup",
            (
                *("--pgdata", str(draft), "--dbname", self._postgres.dsn),
                *("--checkpoint", "fast", "--wal-method", "stream", "--no-password"),
            ),
            cwd=self._postgres.data_dir,
        )
        base = BaseBackup(wall_ms(), self._dir / f"base-{wall_ms()}")
        draft.rename(base.path)
        return base
