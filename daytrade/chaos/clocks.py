"""Wall clocks of single processes, set apart from the machine's by libfaketime.

Used by the chaos run. The library reads a process's offset from a file, again and again, so that
the clock of a running process can jump; its monotonic clock stays as it is.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from daytrade.errors import StackError

_NO_OFFSET = "+0"


def faketime_library() -> Path | None:
    """The installed library, None where there is none."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return found[0] if found else None


class WallClocks:
    """The wall clocks of some processes.

    :param directory: where the files with their offsets go.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def environment_of(self, names: Iterable[str]) -> dict[str, Mapping[str, str]]:
        """The environment variables that put each process on a clock of its own.

        Raises `StackError` where the library is not installed.
        """
        library = faketime_library()
        if library is None:
            raise StackError(
                "clocks cannot jump without libfaketime: install it (Debian: apt-get install "
                "faketime), or leave them out with --only"
            )
        return {name: self._environment(name, library) for name in names}

    def _environment(self, name: str, library: Path) -> Mapping[str, str]:
        self._set(name, _NO_OFFSET)
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._path(name)),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
        }

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.offset"

    def _set(self, name: str, offset: str) -> None:
        unfinished = self._path(f"{name}.part")
        unfinished.write_text(offset + "\n")
        unfinished.replace(self._path(name))

    @contextmanager
    def jumped(self, name: str, jump_s: int) -> Iterator[None]:
        """Let a process's wall clock be so many seconds ahead meanwhile, or behind."""
        self._set(name, f"{jump_s:+d}")
        try:
            yield
        finally:
            self._set(name, _NO_OFFSET)
