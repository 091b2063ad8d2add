"""Faults inflicted on the processes of a running stack, and undone again.

Used by the chaos run. A signal goes to one process of ours, by its pid, and only while the
supervisor says that it is the one; what was stopped or filled up is always set free in the end.
"""

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from audit.reading import read_positions
from daytrade.chaos.clocks import WallClocks
from daytrade.chaos.disks import SmallDisk
from daytrade.chaos.plan import JUMP_S, Action, Fault, Kind, Part
from daytrade.processes import SupervisedProcess
from daytrade.stack import LocalStack

_POLL_S = 0.01
_CUT_EVERY_S = 0.05
BACK_S_MAX = 60.0
"""A part that is not back after this long will not come back by itself."""


class Inflictions:
    """Does to a stack what a plan says.

    :param disks: the small disks of the stack, by part.
    :param clocks: sets the wall clocks of single processes.
    :param cut: lets go of the client's connection to a node.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        stack: LocalStack,
        disks: dict[Part, SmallDisk],
        clocks: WallClocks,
        cut: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._stack = stack
        self._disks = disks
        self._clocks = clocks
        self._cut = cut

    async def inflict(self, fault: Fault, begun: Callable[[], None]) -> float | None:
        """Do it, undo it, and wait until the part is there again.

        Calls `begun` at the moment at which it takes effect; and again, for a disk that was full,
        when it has room. Returns how many seconds later the part was back; None where there is no
        coming back to be seen.
        """
        process = self._stack.processes[self._process_name(fault)]
        if not await self._is_there(process):
            return None
        if fault.kind.part is Part.BACKEND:
            await self._hit_backend(fault, begun)
            return None
        started_s = self._clock.seconds()
        begun()
        match fault.kind.action:
            case Action.KILL | Action.RESTART | Action.HANG:
                return await self._replaced(fault, process)
            case Action.FREEZE:
                await self._freeze(process.pid, fault.lasts_s)
            case Action.AWAY:
                await process.stop()
                await deferLater(self._clock, fault.lasts_s)
                started_s = self._clock.seconds()
                await process.start()
                await self._caught_up()
            case Action.CUT:
                while self._clock.seconds() < started_s + fault.lasts_s:
                    self._cut(fault.target)
                    await deferLater(self._clock, _CUT_EVERY_S)
                return None
            case Action.DISK:
                with self._disks[fault.kind.part].filled():
                    await deferLater(self._clock, fault.lasts_s)
                started_s = self._clock.seconds()
                begun()
                await self._is_there(process)
            case Action.CLOCK:
                jump_s = JUMP_S if fault.draw < 0.5 else -JUMP_S
                with self._clocks.jumped(fault.target, jump_s):
                    await deferLater(self._clock, fault.lasts_s)
                return None
        return self._clock.seconds() - started_s

    @staticmethod
    def _process_name(fault: Fault) -> str:
        return "postgres" if fault.kind.part is Part.BACKEND else fault.target

    async def _is_there(self, process: SupervisedProcess) -> bool:
        """Wait until a process is up; False if it does not come up."""
        return await self._until(lambda: process.is_ready)

    async def _until(self, holds: Callable[[], bool]) -> bool:
        give_up_s = self._clock.seconds() + BACK_S_MAX
        while not holds():
            if self._clock.seconds() > give_up_s:
                return False
            await deferLater(self._clock, _POLL_S)
        return True

    async def _caught_up(self) -> None:
        """Wait until the audit daemon has what the ledger held when it came back."""
        positions = await self._stack.store.positions()
        backlog = {name: position.last_number for name, position in positions.items()}
        self.log.info("{entries} entries to catch up with", entries=sum(backlog.values()))
        while not has_reached(read_positions(self._stack.audit_path), backlog):
            await deferLater(self._clock, _POLL_S)

    async def _replaced(self, fault: Fault, process: SupervisedProcess) -> float | None:
        """End or stop a process, and wait until another one does its work."""
        begun_s, old_pid = self._clock.seconds(), process.pid
        _send(self._victim(fault, process), _SIGNALS[fault.kind.action])
        is_back = await self._until(lambda: process.is_ready and process.pid != old_pid)
        return self._clock.seconds() - begun_s if is_back else None

    def _victim(self, fault: Fault, process: SupervisedProcess) -> int | None:
        """Postgres's first process is a child of the one that is supervised.

        Who is told to end in order is the parent, which knows how: what SIGTERM says to Postgres
        is to wait until all its clients have gone.
        """
        postgres = self._stack.postgres
        is_killed = fault.kind == Kind(Action.KILL, Part.POSTGRES)
        return postgres.postmaster_pid if postgres and is_killed else process.pid

    async def _freeze(self, pid: int | None, lasts_s: float) -> None:
        _send(pid, signal.SIGSTOP)
        try:
            await deferLater(self._clock, lasts_s)
        finally:
            _send(pid, signal.SIGCONT)

    async def _hit_backend(self, fault: Fault, begun: Callable[[], None]) -> None:
        postgres = self._stack.postgres
        postmaster = None if postgres is None else postgres.postmaster_pid
        backends = [] if postmaster is None else client_backends(postmaster)
        if not backends:
            return
        pid = backends[int(fault.draw * len(backends))]
        begun()
        if fault.kind.action is Action.FREEZE:
            await self._freeze(pid, fault.lasts_s)
        else:
            _send(pid, _SIGNALS[fault.kind.action])


_SIGNALS = {
    Action.KILL: signal.SIGKILL,
    Action.RESTART: signal.SIGTERM,
    Action.HANG: signal.SIGSTOP,
}


def has_reached(logged: Mapping[str, int], positions: Mapping[str, int]) -> bool:
    """Whether the log holds every stream up to these positions."""
    return all(logged.get(name, 0) >= last_number for name, last_number in positions.items())


def _send(pid: int | None, number: signal.Signals) -> None:
    # It may have ended, or been replaced, this moment.
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def client_backends(postmaster_pid: int) -> list[int]:
    """The processes of a Postgres that serve a client's connection, by the kernel's list."""
    found = []
    for task in Path(f"/proc/{postmaster_pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            with suppress(OSError):
                title = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace")
                if "[local]" in title:
                    found.append(int(child))
    return sorted(found)
