"""Disks small enough to be filled: a file system in memory, mounted where a part keeps its files.

Used by the chaos run; needs root, and says so where it cannot mount.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from daytrade.errors import StackError

_BALLAST_BLOCK_BYTES = 1024 * 1024
_BALLAST_FILE = "ballast"


class SmallDisk:
    """A small file system of its own below one directory, until it is unmounted.

    :param directory: empty, and exists.
    """

    def __init__(self, directory: Path, size_mib: int) -> None:
        """Mount it; raises `StackError` where that is not permitted."""
        self._directory = directory
        mode = directory.stat().st_mode & 0o777
        options = f"size={size_mib}m,mode={mode:o}"
        command = ["mount", "-t", "tmpfs", "-o", options, "daytrade-chaos", str(directory)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = str(getattr(error, "stderr", "") or error).strip()
            raise StackError(
                f"no small disk can be mounted on {directory} ({reason}): full disks need root; "
                "leave them out with --only"
            ) from None

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Leave no byte free meanwhile."""
        ballast = self._directory / _BALLAST_FILE
        try:
            self._fill(ballast)
            yield
        finally:
            ballast.unlink(missing_ok=True)

    @staticmethod
    def _fill(ballast: Path) -> None:
        with ballast.open("wb", buffering=0) as file:
            for block_bytes in (_BALLAST_BLOCK_BYTES, os.sysconf("SC_PAGE_SIZE")):
                with suppress(OSError):
                    while True:
                        file.write(bytes(block_bytes))

    def unmount(self) -> None:
        """Give the directory back, empty; nothing may be open in it any more."""
        subprocess.run(["umount", str(self._directory)], check=False, capture_output=True)
