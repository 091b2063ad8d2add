"""What the machine did meanwhile: processor time by part of the stack, and by everybody else.

Used by `benchmarks.bench`; reads Linux's /proc.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from daytrade.process_usage import Usage, read_usage

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)
_GUEST_FIELDS = 8
"""Of the line `cpu` of /proc/stat: idle and iowait; from here on, time that is counted already."""


class MachineReading(Struct, frozen=True):
    """Processor seconds so far: of the whole machine, and of each part by name."""

    busy_s: float
    parts: dict[str, Usage]

    def since(self, before: "MachineReading") -> dict[str, float]:
        """Processor seconds of each part from an earlier reading to this one."""
        return {
            name: max(0.0, _total_s(usage) - _total_s(before.parts.get(name, Usage())))
            for name, usage in self.parts.items()
        }

    def foreign_share(self, before: "MachineReading", wall_s: float) -> float:
        """Which share of the machine went to processes that are no part of the stack.

        What the kernel does for nobody in particular (network, disk) is in it too.
        """
        foreign_s = self.busy_s - before.busy_s - sum(self.since(before).values())
        return max(0.0, foreign_s / (wall_s * (os.cpu_count() or 1)))


def read_machine(pids: Mapping[str, int]) -> MachineReading:
    """Read the processor time of the machine and of the parts of the stack, with their children."""
    return MachineReading(_busy_s(), {name: read_usage(pid) for name, pid in pids.items()})


def _total_s(usage: Usage) -> float:
    return usage.user_s + usage.system_s


def _busy_s() -> float:
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    used = ticks[:_GUEST_FIELDS]
    return (sum(used) - sum(used[field] for field in _IDLE_FIELDS)) / _TICKS_PER_S
