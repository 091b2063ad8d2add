"""What can keep the local stack from starting, in words for the person at the terminal.

Everything in `daytrade` may import this; nothing below `daytrade` does. Invariant: `str(error)` of
every `StackError` is fit to print after "daytrade: ": what is wrong, where, and what to do.
"""

import os
from pathlib import Path

TAIL_LINES = 20
_TAIL_BYTES_MAX = 64 * 1024


class StackError(Exception):
    """The stack cannot go on; the message says what to do."""


class DirectoryInUse(StackError):
    """Another `daytrade` holds the data directory."""

    def __init__(self, directory: Path, pid: int | None) -> None:
        holder = "another process" if pid is None else f"pid {pid}"
        super().__init__(
            f"{directory} is in use by {holder}; stop that one first, "
            "or choose another --data directory"
        )
        self.pid = pid


class ForeignDirectory(StackError):
    """The directory holds something that no `daytrade` of this version made."""


class DirectoryUnreachable(StackError):
    """A parent folder keeps the system user that runs PostgreSQL out of the data directory."""

    def __init__(self, directory: Path, closed_parent: Path, system_user: str) -> None:
        super().__init__(
            f"{directory} cannot be reached by the system user {system_user}, which runs "
            f"PostgreSQL because you are root: {closed_parent} is closed to others; choose a "
            "--data directory outside of it, for example /var/lib/daytrade"
        )


class NoFreePort(StackError):
    """Too few TCP ports are free on this machine."""


class PostgresRunning(StackError):
    """A PostgreSQL server already runs on the data directory."""

    def __init__(self, directory: Path, pid: int) -> None:
        super().__init__(
            f"PostgreSQL already runs on {directory} as pid {pid}; stop it with `kill -INT {pid}`, "
            "or choose another --data directory"
        )
        self.pid = pid


class PostgresFailed(StackError):
    """A PostgreSQL program is missing, or ended with an error."""


class ProcessFailed(StackError):
    """A process of the stack did not start, or ended before it was ready."""


def log_tail(path: Path, offset: int = 0) -> str:
    """Return the last lines of a log as the end of a message: where the log is, then its text.

    :param offset: bytes of the log that belong to earlier runs and are left out.
    """
    try:
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(offset, size - _TAIL_BYTES_MAX))
            lines = log.read().decode(errors="replace").splitlines()
    except OSError as error:
        return f"its log {path} cannot be read: {error.strerror}"
    if not lines:
        return f"its log {path} is empty"
    return f"the end of its log {path}:\n" + "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])
