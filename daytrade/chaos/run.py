"""One chaos run: a stack, a workload at a fixed rate, the faults of a plan, and then the checker.

Used by the `daytrade` command.
"""

import os
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.logger import Logger

from daytrade.chaos.clocks import WallClocks
from daytrade.chaos.disks import SmallDisk
from daytrade.chaos.infliction import Inflictions
from daytrade.chaos.plan import Action, Fault, Kind, Part, draw_plan
from daytrade.chaos.proving import stop_and_check
from daytrade.chaos.strikes import Row, Strike, Strikes, table_rows
from daytrade.chaos.workload import chaos_lines
from daytrade.checking import CheckReport
from daytrade.data_directory import DataDirectory
from daytrade.process_run import ExitStatus
from daytrade.stack import LocalStack
from daytrade.stack_settings import StackSettings
from generator.driver import Pace
from generator.dumplogs import DumpLogs
from generator.history import HistoryFile, read_history
from generator.ids import CommandIds
from generator.play import Play
from generator.progress import Progress
from generator.workload import Line
from protocol.authentication import AccessRole
from service.time import wall_ms

AFTER_S = 5.0
"""The play goes on for this long after the last fault."""

_DISK_MIB: Mapping[Part, int] = {Part.POSTGRES: 700, Part.AUDIT: 100}


class ChaosSettings(Struct, frozen=True):
    """What to play, and what to do meanwhile.

    :ivar rate_per_s: commands of all users together, each second.
    :ivar every_s: seconds from one fault to the next, on the average.
    :ivar lasts_s: how long what passes by itself lasts; None: drawn anew each time.
    """

    kinds: Sequence[Kind]
    seed: int = 1
    faults: int = 20
    every_s: float = 6.0
    lasts_s: float | None = None
    users: int = 100
    rate_per_s: float = 100.0
    outstanding: int = 4
    nodes: int = 2


class ChaosReport(Struct):
    """What came of it."""

    rows: list[Row]
    strikes: list[Strike]
    check: CheckReport
    wall_s: float


class ChaosRun:
    """A run on an open data directory, in which the history stays as `history`."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        directory: DataDirectory,
        settings: ChaosSettings,
        on_exit: Callable[[str, ExitStatus], None],
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._history_path = directory.path / "history"
        self._disks: dict[Part, SmallDisk] = {}
        self._directory = directory
        self._clocks = WallClocks(directory.run_dir)
        self._strikes = Strikes()
        self._stack = LocalStack(reactor, directory, self._stack_settings(), on_exit)

    def _stack_settings(self) -> StackSettings:
        jumping = {kind.part for kind in self._settings.kinds if kind.action is Action.CLOCK}
        names = [name for part in jumping for name in self._targets()[part]]
        return StackSettings(
            nodes=self._settings.nodes,
            price_step_s=1.0,
            trigger_services=2,
            proxies=2,
            environment=self._clocks.environment_of(names) if names else {},
        )

    def _targets(self) -> dict[Part, list[str]]:
        """The processes of each part, by their names in the stack."""
        return {
            Part.NODE: [f"node-{number + 1}" for number in range(self._settings.nodes)],
            Part.QUOTES: ["quotes-1", "quotes-2"],
            Part.TRIGGERS: ["triggers-1", "triggers-2"],
            Part.AUDIT: ["audit"],
            Part.LEGACY: ["legacy-quotes"],
            Part.POSTGRES: ["postgres"],
            Part.BACKEND: ["postgres"],
        }

    async def run(self, begin_progress: Callable[[int], Progress]) -> ChaosReport:
        """Start everything, play and inflict, stop, and check; raises `StackError`."""
        try:
            self._mount_disks()
            await self._stack.start()
            play = self._play()
            await self._play_and_inflict(play, begin_progress)
            check = await stop_and_check(self._reactor, self._stack, self._history_path)
            rows = table_rows(self._strikes.done, read_history(self._history_path), check.verdict)
            return ChaosReport(rows, self._strikes.done, check, play.result.wall_s or 0.0)
        finally:
            await self._stack.stop()
            for disk in self._disks.values():
                disk.unmount()

    def _mount_disks(self) -> None:
        places = {
            Part.POSTGRES: self._directory.postgres_dir,
            Part.AUDIT: self._directory.audit_dir,
        }
        for kind in self._settings.kinds:
            if kind.action is Action.DISK:
                self._disks[kind.part] = SmallDisk(places[kind.part], _DISK_MIB[kind.part])

    # Playing.

    def _play(self) -> Play:
        stack = self._stack
        return Play(
            self._reactor,
            {name: stack.endpoint(address) for name, address in stack.addresses.nodes.items()},
            stack.credential(AccessRole.WORKLOAD),
            stack.credential(AccessRole.ADMINISTRATOR),
            CommandIds(wall_ms, os.urandom(CommandIds.RUN_BYTES)),
            DumpLogs(None),
            random.random,
            pace=Pace(self._settings.outstanding, self._settings.rate_per_s),
            history=HistoryFile.at(self._history_path, wall_ms),
            on_settled=lambda sent, outcome: self._strikes.settled(
                sent, outcome, self._reactor.seconds()
            ),
        )

    async def _play_and_inflict(
        self, play: Play, begin_progress: Callable[[int], Progress]
    ) -> None:
        settings = self._settings
        plan = draw_plan(
            *(settings.seed, settings.faults, settings.every_s, settings.kinds, self._targets()),
            settings.lasts_s,
        )
        lasts_s = (plan[-1].at_s + plan[-1].lasts_s if plan else 0.0) + AFTER_S
        lines = self._lines(lasts_s)
        users = frozenset(line.command.user for line in lines)

        inflictions = Inflictions(self._reactor, self._stack, self._disks, self._clocks, play.cut)

        def begin() -> Progress:
            faults.extend(
                Deferred.fromCoroutine(self._inflict(inflictions, fault, play, users))
                for fault in plan
            )
            return begin_progress(len(lines))

        faults: list[Deferred[None]] = []
        await play.run(lines, begin)
        await DeferredList(faults, fireOnOneErrback=True, consumeErrors=True)

    def _lines(self, lasts_s: float) -> list[Line]:
        """A workload that lasts so long."""
        settings = self._settings
        commands = max(int(settings.rate_per_s * lasts_s), settings.users)
        return chaos_lines(settings.users, commands, settings.seed)

    async def _inflict(
        self, inflictions: Inflictions, fault: Fault, play: Play, users: frozenset[str]
    ) -> None:
        await deferLater(self._reactor, fault.at_s)
        strike: Strike | None = None

        def begun() -> None:
            nonlocal strike
            if strike is not None:
                self._strikes.begin_again(strike, self._reactor.seconds())
                return
            self.log.info("{kind}: {target}", kind=str(fault.kind), target=fault.target)
            hit = None
            if fault.kind.part is Part.NODE:
                # Nobody's, where it has only just come back itself: then anybody's answer counts.
                served = (user for user in users if play.driver.node_of(user) == fault.target)
                hit = frozenset(served) or None
            strike = Strike(fault, self._reactor.seconds(), wall_ms(), hit)
            self._strikes.begin(strike)

        back_s = await inflictions.inflict(fault, begun)
        if strike is not None and strike.back_s is None and fault.kind.part is not Part.NODE:
            strike.back_s = back_s
