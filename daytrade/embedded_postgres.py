"""A PostgreSQL server of our own: made, configured and run as a child process.

The stack's composition and tests may import this; services only ever see the `dsn`. Invariants:
the server ends with the process that started it, it listens on a Unix socket that only its own user
(and root) can reach and on no TCP port, and it keeps PostgreSQL's durable settings.

`start` and `stop` block, for tools and tests without a reactor. A supervised stack takes the
command line from `prepare` and asks `is_ready` instead.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg2.extensions import make_dsn

from daytrade.errors import PostgresFailed, PostgresRunning, log_tail
from daytrade.postgres_program import ServerPrograms, environment, wheel_installation

DATABASE = "daytrade"
STOP_GRACE_S = 20.0
"""How long a fast shutdown, which writes a checkpoint, may take before the server is killed."""

_SUPERUSER = "postgres"
_PORT = 5432
_SOCKET_PATH_BYTES_MAX = 107
_POLL_S = 0.02
_SETTINGS_FILE = "daytrade.conf"
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "max_connections": "50",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "autovacuum_naptime": "10s",
    "checkpoint_timeout": "5min",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "log_min_error_statement": "fatal",
    "archive_mode": "on",
    "archive_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
if sys.platform == "linux":
    # After a crash, flush the file system as a whole instead of file by file: seconds sooner back.
    _SETTINGS = {**_SETTINGS, "recovery_init_sync_method": "syncfs"}


class EmbeddedPostgres:
    """One server on one directory; a context manager that starts and stops it.

    :param data_dir: everything of the server is below it; made where it is missing.
    :param settings: postgresql.conf settings that replace or extend ours.
    """

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.cluster_dir = self.data_dir / "cluster"
        self.log_path = self.data_dir / "server.log"
        self.socket_dir = _socket_dir(self.data_dir)
        self.wal_archive_dir = self.data_dir / "backups" / "wal"
        self._settings = {
            **_SETTINGS,
            "archive_command": _archive_command(self.wal_archive_dir),
            "port": str(_PORT),
            "unix_socket_directories": str(self.socket_dir),
            **(settings or {}),
        }
        self._leash: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """How clients reach the database, as key=value text; the same in every process."""
        return make_dsn(
            host=str(self.socket_dir),
            port=_PORT,
            user=_SUPERUSER,
            dbname=DATABASE,
            connect_timeout=5,
            keepalives=1,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=10_000,
        )

    @property
    def postmaster_pid(self) -> int | None:
        """The pid of the server's first process, None while no server runs."""
        lines = self._pid_file_lines()
        return int(lines[0]) if lines and self._is_postmaster(int(lines[0])) else None

    def binary(self, name: str) -> Path:
        """Return the path of one of PostgreSQL's programs, such as "pgbench"."""
        return wheel_installation() / "bin" / name

    def programs(self) -> ServerPrograms:
        """PostgreSQL's programs, run as the server is; raises `PostgresFailed`."""
        return ServerPrograms(copy_dir=self.data_dir / "program")

    def prepare(self) -> tuple[str, ...]:
        """Make the cluster on first use, write the settings, return the server's command line.

        The command ends when its standard input does. Blocks; takes a second or two the first time.
        Raises `PostgresRunning`, `PostgresFailed` or `DirectoryUnreachable`.
        """
        running_pid = self.postmaster_pid
        if running_pid is not None:
            raise PostgresRunning(self.data_dir, running_pid)
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self.data_dir.chmod(0o711)
        programs = self.programs()
        programs.refuse_unreachable(self.data_dir)
        programs.make_private(self.socket_dir)
        if not self.cluster_dir.exists():
            self._create_cluster(programs)
        self._forget_reused_pid()
        self._write_settings(programs)
        leash = [sys.executable, "-I", "-S", str(Path(__file__).with_name("leash.py"))]
        leash += ["--signal", "INT", "--grace-s", str(STOP_GRACE_S)]
        if programs.system_user is not None:
            leash += ["--user", programs.system_user]
        return (*leash, "--", str(programs.bin_dir / "postgres"), "-D", str(self.cluster_dir))

    def is_ready(self) -> bool:
        """Return whether the server takes connections now."""
        lines = self._pid_file_lines()
        return len(lines) >= 8 and lines[7] == "ready" and self._is_postmaster(int(lines[0]))

    def start(self, timeout_s: float = 60.0) -> None:
        """Prepare, start the server and wait until it takes connections.

        Raises what `prepare` does, and `PostgresFailed` with the log's end when the server ends
        or is not ready in time.
        """
        command = self.prepare()
        with self.log_path.open("ab") as log:
            log_offset = log.tell()
            self._leash = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment(),
                start_new_session=True,
            )
        deadline_s = time.monotonic() + timeout_s
        while not self.is_ready():
            status = self._leash.poll()
            if status is None and time.monotonic() < deadline_s:
                time.sleep(_POLL_S)
                continue
            self.stop()
            how = f"not ready after {timeout_s:g} s" if status is None else f"ended with {status}"
            raise PostgresFailed(f"PostgreSQL {how}; {log_tail(self.log_path, log_offset)}")

    def stop(self) -> None:
        """Shut the server down, in order (fast shutdown); harmless when it does not run."""
        if self._leash is None:
            return
        assert self._leash.stdin is not None
        self._leash.stdin.close()
        self._leash.wait()
        self._leash = None

    def _create_cluster(self, programs: ServerPrograms) -> None:
        """Make the cluster beside its place and move it there whole: a cut leaves no half."""
        draft = self.data_dir / "cluster.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        programs.own(draft)
        programs.run(
            "initdb",
            (
                *("--pgdata", str(draft), "--username", _SUPERUSER),
                *("--encoding", "UTF8", "--no-locale", "--data-checksums"),
                *("--auth-local", "trust", "--auth-host", "reject"),
            ),
            cwd=self.data_dir,
        )
        with (draft / "postgresql.conf").open("a") as conf:
            conf.write(f"\ninclude_if_exists '{_SETTINGS_FILE}'\n")
        output = programs.run(
            "postgres",
            ("--single", "-D", str(draft), "template1"),
            cwd=self.data_dir,
            stdin=f"CREATE DATABASE {DATABASE}\n",
        )
        if "ERROR:" in output:
            raise PostgresFailed(f"the database {DATABASE} cannot be made:\n{output}")
        draft.rename(self.cluster_dir)

    def _write_settings(self, programs: ServerPrograms) -> None:
        lines = [f"{name} = {_quoted(value)}\n" for name, value in self._settings.items()]
        path = self.cluster_dir / _SETTINGS_FILE
        path.write_text("# Written by daytrade at each start.\n" + "".join(lines))
        programs.own(path)

    def _forget_reused_pid(self) -> None:
        """Remove a crashed server's pid file whose pid now is some other process.

        PostgreSQL would take that process for the server; in a restarted container, where pids are
        few, that is the rule. A file that names nobody stays: with it PostgreSQL looks for
        backends that outlived the crash.
        """
        lines = self._pid_file_lines()
        if lines and _is_alive(int(lines[0])):
            (self.cluster_dir / "postmaster.pid").unlink()

    def _pid_file_lines(self) -> list[str]:
        try:
            text = (self.cluster_dir / "postmaster.pid").read_text()
        except FileNotFoundError:
            return []
        return [line.strip() for line in text.splitlines()]

    def _is_postmaster(self, pid: int) -> bool:
        """Tell a live server from a pid that a crash left in the file and the kernel gave away."""
        if sys.platform != "linux":
            return _is_alive(pid)
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == self.cluster_dir
        except OSError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()


def _socket_dir(data_dir: Path) -> Path:
    """Return where the socket goes: below `data_dir`, or in /tmp when no address can name that.

    The kernel takes short paths only, and a comma would make two hosts of one in the DSN.
    """
    inside = data_dir / "socket"
    socket_bytes = os.fsencode(inside / f".s.PGSQL.{_PORT}")
    if len(socket_bytes) <= _SOCKET_PATH_BYTES_MAX and b"," not in socket_bytes:
        return inside
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()
    return Path("/tmp") / f"daytrade-socket-{digest[:16]}"


def _archive_command(directory: Path) -> str:
    """Copies a finished segment into the archive, whole or not at all, once there is an archive:
    the first backup makes it.
    """
    archive = shlex.quote(str(directory))
    copy = (
        f'cp "%p" {archive}/%f.part && sync {archive}/%f.part && mv {archive}/%f.part {archive}/%f'
    )
    return f"test ! -d {archive} || test -f {archive}/%f || {{ {copy}; }}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
