"""Processor time and memory of a process and all its descendants, read from Linux's /proc.

Only `processes` imports this. Invariant: reading never raises because a process ends meanwhile; it
then counts for nothing. Descendants are found through their parents, because PostgreSQL gives each
of its backends a session of its own.
"""

import os
from pathlib import Path

from msgspec import Struct

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_KIB_PER_MIB = 1024


class Usage(Struct, frozen=True):
    """What a process and its descendants have used.

    :ivar user_s, system_s: processor time since the start, of ended descendants too.
    :ivar rss_mb_max: the most memory held at once, MiB; pages that several processes share count
        once.
    """

    user_s: float = 0.0
    system_s: float = 0.0
    rss_mb_max: float = 0.0

    def later(self, reading: "Usage") -> "Usage":
        """Return this usage brought up to a later reading of the same process."""
        return Usage(
            max(self.user_s, reading.user_s),
            max(self.system_s, reading.system_s),
            max(self.rss_mb_max, reading.rss_mb_max),
        )

    def followed_by(self, next_run: "Usage") -> "Usage":
        """Return the usage of two runs, one after the other."""
        return Usage(
            self.user_s + next_run.user_s,
            self.system_s + next_run.system_s,
            max(self.rss_mb_max, next_run.rss_mb_max),
        )


def read_usage(pid: int) -> Usage:
    """Return what the process `pid` and its descendants have used; all zeros when it is gone."""
    pids = _tree(pid)
    ticks = [_cpu_ticks(member) for member in pids]
    memory = [_memory_kib(member) for member in pids]
    private_kib = sum(fields.get("RssAnon", 0) for fields in memory)
    shared_kib = sum(
        max((fields.get(name, 0) for fields in memory), default=0)
        for name in ("RssFile", "RssShmem")
    )
    peak_kib = max((fields.get("VmHWM", 0) for fields in memory), default=0)
    return Usage(
        user_s=sum(user for user, _ in ticks) / _TICKS_PER_S,
        system_s=sum(system for _, system in ticks) / _TICKS_PER_S,
        rss_mb_max=max(private_kib + shared_kib, peak_kib) / _KIB_PER_MIB,
    )


def _tree(root: int) -> list[int]:
    """Return the pids of a process and its descendants."""
    pids = [root]
    for pid in pids:
        try:
            tasks = list((_PROC / str(pid) / "task").iterdir())
            # A child belongs to the thread that forked it.
            children = " ".join((task / "children").read_text() for task in tasks)
        except (FileNotFoundError, ProcessLookupError):
            continue
        pids.extend(int(child) for child in children.split())
    return pids


def _cpu_ticks(pid: int) -> tuple[int, int]:
    """Return user and system ticks of a process and of the children it has waited for."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    # The program's name, in parentheses, may hold blanks; what follows starts with field 3.
    fields = stat.rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) for field in fields[11:15])
    return user + children_user, system + children_system


def _memory_kib(pid: int) -> dict[str, int]:
    """Return the memory lines of a process's status, KiB by name."""
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    lines = (line.split() for line in status.splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[-1] == "kB"}
