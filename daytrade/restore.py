"""Brings the ledger of a stopped stack back to a command or a moment, and cuts the log to it.

Used by `daytrade restore`. Nothing is thrown away: the server's files and the log as they were stay
beside the new ones, with the moment of the restore in their names. Blocks.

PostgreSQL replays WAL up to the end of the transaction that a command was committed in. A
transaction holds a whole batch, so the entries after the command's are then taken out again,
and the accounts that they changed are decided anew (`ledger.postgres.trim`). What other streams had
committed before that transaction stays.
"""

import shlex
import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg2
from msgspec import Struct

from audit.cutting import cut_log
from audit.reading import read_identity
from audit.security import SECURITY_STREAM, Outcome, SecurityEvent
from daytrade.backup import Backups
from daytrade.data_directory import DataDirectory
from daytrade.embedded_postgres import EmbeddedPostgres
from daytrade.errors import StackError
from daytrade.stack_services import audit_path
from ledger.entry import decode_entry
from ledger.postgres.trim import trim_stream

RECOVERY_S_MAX = 3_600.0
_BEFORE = "before-restore-"


class RestoreFailed(StackError):
    """The ledger was not brought back; it is as it was."""


class Place(Struct, frozen=True):
    """Where a command stands: its entry in a stream, and the transaction that committed it."""

    stream: str
    number: int
    decided_ms: int
    transaction: str


class Target(Struct, frozen=True):
    """What to bring the ledger back to: a command, a moment (Unix ms), or all that there is."""

    command_id: UUID | None = None
    at_ms: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read `latest`, a command id (a UUID), or a time in ISO 8601, UTC where it says no zone.

        Raises `ValueError`.
        """
        if text == "latest":
            return cls()
        try:
            return cls(command_id=UUID(text))
        except ValueError:
            at = datetime.fromisoformat(text)
        return cls(at_ms=round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000))


class Restored(Struct, frozen=True):
    """What was done.

    :ivar trimmed: entries of the command's own batch that came after it, and are out again.
    :ivar left_out: entries that the old log has and the new one has not.
    :ivar kept: what was put aside.
    """

    positions: dict[str, int]
    trimmed: int
    left_out: int
    kept: list[Path]


class Restore:
    """One restore of one stack, whose directory is open.

    :param wall_ms: Unix ms now.
    """

    def __init__(
        self, directory: DataDirectory, target: Target, wall_ms: Callable[[], int]
    ) -> None:
        self._target = target
        self._postgres_dir = directory.postgres_dir
        self._postgres = EmbeddedPostgres(directory.postgres_dir)
        self._log_path = audit_path(directory)
        self._now_ms = wall_ms()
        self._aside = self._postgres.data_dir / f"cluster.{_BEFORE}{self._now_ms}"

    def run(self) -> Restored:
        """Do it; raises `StackError`, and then everything is as it was."""
        place = None if self._target.command_id is None else self._find(self._target.command_id)
        backups = Backups(self._postgres)
        base = backups.newest_before(place.decided_ms if place else self._target.at_ms)
        self._postgres.cluster_dir.rename(self._aside)
        try:
            self._lay_out(base.path)
            recovering = EmbeddedPostgres(self._postgres_dir, self._recovery(backups, place))
            recovering.start(RECOVERY_S_MAX)
            try:
                trimmed = self._trim(place)
                positions, predecessor = self._ledger_state()
            finally:
                recovering.stop()
            left_out, log_aside = self._cut_log(positions, predecessor)
        except BaseException:
            shutil.rmtree(self._postgres.cluster_dir, ignore_errors=True)
            self._aside.rename(self._postgres.cluster_dir)
            raise
        return Restored(positions, trimmed, left_out, [self._aside, *log_aside])

    def _find(self, command_id: UUID) -> Place:
        """Look a command up in the ledger as it is."""
        with (
            self._postgres,
            closing(psycopg2.connect(self._postgres.dsn)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "SELECT name, number, entry, journal.xmin::text FROM journal"
                " JOIN stream USING (stream_key) WHERE command_id = %s",
                [str(command_id)],
            )
            row = cursor.fetchone()
        if row is None:
            raise RestoreFailed(f"the journal has no command {command_id}")
        stream, number, entry, transaction = row
        return Place(stream, number, decode_entry(bytes(entry)).decided_ms, transaction)

    def _lay_out(self, base: Path) -> None:
        """Put a copy of the backup in the server's place, ready to recover."""
        draft = self._postgres.cluster_dir.with_name("cluster.new")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(base, draft, symlinks=True)
        (draft / "recovery.signal").touch()
        programs = self._postgres.programs()
        for path in (draft, *draft.rglob("*")):
            programs.own(path)
        draft.rename(self._postgres.cluster_dir)

    def _recovery(self, backups: Backups, place: Place | None) -> dict[str, str]:
        """How far to recover. WAL that was not archived yet is taken from the server put aside."""
        archive, rest = (
            shlex.quote(str(folder)) for folder in (backups.wal_dir, self._aside / "pg_wal")
        )
        settings = {
            "restore_command": f'cp {archive}/%f "%p" || cp {rest}/%f "%p"',
            "recovery_target_action": "promote",
            "hot_standby": "off",  # so that the server is not ready before it has recovered
        }
        if place is not None:
            settings["recovery_target_xid"] = place.transaction
        elif self._target.at_ms is not None:
            at = datetime.fromtimestamp(self._target.at_ms / 1000, UTC)
            settings["recovery_target_time"] = at.isoformat()
        return settings

    def _trim(self, place: Place | None) -> int:
        if place is None:
            return 0
        with closing(psycopg2.connect(self._postgres.dsn)) as connection:
            return trim_stream(connection, place.stream, place.number)

    def _ledger_state(self) -> tuple[dict[str, int], bytes]:
        """How far each stream is, and of which log the newest head was signed."""
        with (
            closing(psycopg2.connect(self._postgres.dsn)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT name, last_number FROM stream")
            positions = dict(cursor.fetchall())
            cursor.execute("SELECT log_id FROM audit_head ORDER BY at_ms DESC, number DESC LIMIT 1")
            row = cursor.fetchone()
        return positions, b"" if row is None else bytes(row[0])

    def _cut_log(self, positions: dict[str, int], predecessor: bytes) -> tuple[int, list[Path]]:
        """Put the log aside and make one that fits the ledger."""
        if not self._log_path.exists():
            return 0, []
        draft = self._log_path.with_name("audit.sqlite.new")
        draft.unlink(missing_ok=True)
        before = read_identity(self._log_path)
        reach = ", ".join(f"{stream} {number}" for stream, number in sorted(positions.items()))
        event = SecurityEvent(
            *(self._now_ms, "daytrade", "", "", "restore the ledger", "", Outcome.DONE),
            f"to {reach}; the log before was {before.log_id.hex()}"[:1000],
        )
        left_out = cut_log(
            self._log_path,
            draft,
            positions,
            predecessor or before.log_id,
            f"daytrade{SECURITY_STREAM}{self._now_ms}",
            event,
        )
        aside = self._log_path.with_name(f"audit.sqlite.{_BEFORE}{self._now_ms}")
        self._log_path.rename(aside)
        draft.rename(self._log_path)
        return left_out, [aside]
