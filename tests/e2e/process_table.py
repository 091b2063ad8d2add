"""Processes as the kernel lists them, found by the directory that they work for.

For the end-to-end tests only.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

_POLL_S = 0.02


def processes_of(directory: Path) -> dict[int, list[str]]:
    """The command lines, by pid, of all processes that name the directory or work in it."""
    found: dict[int, list[str]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            works_in = os.readlink(entry / "cwd")
        except OSError:
            continue
        if any(str(directory) in word for word in [*words, works_in]):
            found[int(entry.name)] = words
    return found


def pid_of(directory: Path, *words: str) -> int | None:
    """The process of the directory that has these words on its command line, if it is there."""
    pids = [pid for pid, line in processes_of(directory).items() if set(words) <= set(line)]
    assert len(pids) <= 1, pids
    return pids[0] if pids else None


def wait_until(holds: Callable[[], bool], what: str, limit_s: float = 20.0) -> None:
    """Look again and again until it holds; fails the test after `limit_s`."""
    give_up_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < give_up_s, f"not within {limit_s:g} s: {what}"
        time.sleep(_POLL_S)
