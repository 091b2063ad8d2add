"""Waiting for processes that are not our children."""

import os
import select
from collections.abc import Iterable

TIMEOUT_S = 10.0


def all_end(pids: Iterable[int]) -> bool:
    """Wait until every process is gone; False when one is still there after `TIMEOUT_S`."""
    return all(_ends(pid) for pid in pids)


def _ends(pid: int) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], TIMEOUT_S)[0])
    finally:
        os.close(descriptor)
