"""The directory of one local stack: its layout, its lock, its secrets.

The `daytrade` command, the stack's composition and tests may import this. Invariants: at most one
process holds an open `DataDirectory` on a path; nothing in it can be read by other users of the
machine, and a secret, once made, never changes.

    version            what wrote the directory
    lock               the pid of the process that holds it
    daemons.json       where the running daemons can be asked
    postgres/          the embedded PostgreSQL
    audit/             the audit daemon's own files
    run/NAME/          the working directory of the process NAME
    logs/NAME.log      what the process NAME prints
    tls/               certificates, where the services speak TLS
    secrets/NAME.json  the name, password and role of an account of the stack itself
"""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from daytrade.errors import DirectoryInUse, ForeignDirectory

LAYOUT_VERSION = 1
DAEMONS_FILE = "daemons.json"
STACK_ACCOUNTS = ("workload", "administrator", "operator", "node")
"""The accounts that a stack makes for itself; each is named after its role."""

_PRIVATE = 0o700
_TRAVERSABLE = 0o711
"""For folders above PostgreSQL's files when root starts the stack: another user runs the server."""
_PASSWORD_BYTES = 32


class Credentials(msgspec.Struct, frozen=True):
    """An account of the stack itself, as its file in `secrets/` holds it."""

    name: str
    password: str
    role: str


class DataDirectory:
    """A stack's directory; a context manager that holds the lock between `open` and `close`.

    :param path: made on `open`, with its parents, where it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.postgres_dir = self.path / "postgres"
        self.audit_dir = self.path / "audit"
        self.run_dir = self.path / "run"
        self.logs_dir = self.path / "logs"
        self.secrets_dir = self.path / "secrets"
        self.tls_dir = self.path / "tls"
        self._lock_fd: int | None = None

    def open(self) -> None:
        """Make what is missing and take the lock.

        Raises `DirectoryInUse` when another process holds it, and `ForeignDirectory` when the path
        holds something else or was written by another version.
        """
        assert self._lock_fd is None, "already open"
        self._refuse_foreign()
        server_mode = _TRAVERSABLE if os.geteuid() == 0 else _PRIVATE
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(server_mode)
        self._lock_fd = _lock(self.path)
        _write_private(self.path / "version", f"{LAYOUT_VERSION}\n".encode())
        for directory in (
            self.audit_dir,
            self.run_dir,
            self.logs_dir,
            self.secrets_dir,
            self.tls_dir,
        ):
            directory.mkdir(mode=_PRIVATE, exist_ok=True)
        self.postgres_dir.mkdir(exist_ok=True)
        self.postgres_dir.chmod(server_mode)

    def close(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def write_daemons(self, daemons: Mapping[str, str]) -> None:
        """Write down where the running daemons can be asked, by name, for `daytrade console`."""
        _write_private(self.path / DAEMONS_FILE, msgspec.json.encode(daemons))

    def process_dir(self, name: str) -> Path:
        """Return the working directory of the process `name`, made where it is missing."""
        directory = self.run_dir / name
        directory.mkdir(mode=_PRIVATE, exist_ok=True)
        return directory

    def log_path(self, name: str) -> Path:
        """Return where the output of the process `name` goes."""
        return self.logs_dir / f"{name}.log"

    def credentials_path(self, name: str) -> Path:
        """Return the file of the account `name`, one of `STACK_ACCOUNTS`."""
        return self.secrets_dir / f"{name}.json"

    def credentials(self, name: str) -> Credentials:
        """Return the account `name`, one of `STACK_ACCOUNTS`, with a new password the first time.

        The directory must be open: the lock is what keeps two processes from making two passwords.
        """
        assert self._lock_fd is not None, "not open"
        assert name in STACK_ACCOUNTS, name
        path = self.credentials_path(name)
        if not path.exists():
            made = Credentials(name, secrets.token_urlsafe(_PASSWORD_BYTES), role=name)
            _write_private(path, msgspec.json.encode(made))
        return msgspec.json.decode(path.read_bytes(), type=Credentials)

    def _refuse_foreign(self) -> None:
        """Leave a directory alone that holds anything but a stack of this version."""
        version_path = self.path / "version"
        if version_path.exists():
            version = version_path.read_text().strip()
            if version != str(LAYOUT_VERSION):
                raise ForeignDirectory(
                    f"{self.path} was written by version {version} of the layout, this is "
                    f"{LAYOUT_VERSION}; choose another --data directory"
                )
        elif self.path.exists() and any(entry.name != "lock" for entry in self.path.iterdir()):
            raise ForeignDirectory(
                f"{self.path} is not empty and not a daytrade directory; "
                "choose another --data directory"
            )

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()


class TemporaryDataDirectory(DataDirectory):
    """A data directory of its own, removed with all it holds on `close`.

    :param parent: where to make it; the system's folder for temporary files unless told.
    """

    def __init__(self, parent: Path | None = None) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="daytrade-", dir=parent)))

    def close(self) -> None:
        """Give the lock back and remove the directory."""
        super().close()
        shutil.rmtree(self.path, ignore_errors=True)


def _lock(directory: Path) -> int:
    """Return the descriptor that holds the lock until it is closed, on a `kill -9` too."""
    lock_fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock_fd, 32).decode().strip()
        os.close(lock_fd)
        raise DirectoryInUse(directory, int(holder) if holder.isdigit() else None) from None
    os.truncate(lock_fd, 0)
    os.write(lock_fd, f"{os.getpid()}\n".encode())
    return lock_fd


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
