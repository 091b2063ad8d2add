"""Where the logs that a workload asks for are written: the client's own business.

Used by the driver. A file is begun anew each time its DUMPLOG is sent, so that what a lost node
left unfinished is not mixed with what another one sends.
"""

from collections.abc import Callable
from pathlib import Path
from typing import IO

from protocol.messages import DumpLog


class DumpLogs:
    """The files of one run.

    :param directory: where they go, under the last part of the name in the workload; None: what
        is received is thrown away.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._files: dict[Path, IO[bytes]] = {}

    def path_of(self, command: DumpLog) -> Path | None:
        """The file for a DUMPLOG, or None where nothing is kept."""
        if self._directory is None:
            return None
        name = Path(command.filename).name
        return self._directory / (name if name not in ("", "..") else "dumplog")

    def begin(self, command: DumpLog) -> Callable[[bytes], None]:
        """Begin a log; what is returned takes its parts."""
        path = self.path_of(command)
        if path is None:
            return lambda _part: None
        self._close(path)
        file = self._files[path] = path.open("wb")
        return lambda part: self._write(file, part)

    @staticmethod
    def _write(file: IO[bytes], part: bytes) -> None:
        if not file.closed:
            file.write(part)

    def _close(self, path: Path) -> None:
        file = self._files.pop(path, None)
        if file is not None:
            file.close()

    def close(self) -> None:
        """Finish all files."""
        for path in list(self._files):
            self._close(path)
