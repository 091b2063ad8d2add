"""The order in which a stack's processes start and stop."""

from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from daytrade.errors import ProcessFailed
from daytrade.process_group import KILL_TIMEOUT_S, ProcessGroup
from daytrade.process_run import Command
from daytrade.process_usage import Usage
from daytrade.processes import SupervisedProcess
from tests.daytrade.fake_processes import FakeChild, FakeSpawner

NAMES = ("postgres", "audit", "node")
GRACE_S = 2.0


class Rig:
    """A group of three processes with fake children."""

    def __init__(self, tmp_path: Path) -> None:
        self.clock = Clock()
        self.spawner = FakeSpawner()
        self.group = ProcessGroup(self.clock, [self._process(tmp_path / name) for name in NAMES])

    def _process(self, directory: Path) -> SupervisedProcess:
        directory.mkdir()
        return SupervisedProcess(
            self.spawner.as_reactor(),
            self.clock,
            Command(directory.name, (directory.name,), directory, directory / "log"),
            grace_s=GRACE_S,
            usage_of=lambda pid: Usage(user_s=float(pid)),
        )

    def turn(self, after_s: float = 0.0) -> None:
        self.clock.pump([after_s, *[0.0] * 5])

    def start_all(self) -> list[FakeChild]:
        started = self.group.start()
        for _ in NAMES:
            self.spawner.children[-1].announce()
            self.turn(0.02)
        assert started.called
        return self.spawner.children


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_each_process_starts_once_the_one_before_it_is_ready(rig: Rig) -> None:
    started = rig.group.start()
    for count, name in enumerate(NAMES, start=1):
        rig.turn(1.0)
        assert [child.spawned.argv[-3] for child in rig.spawner.children] == list(NAMES[:count])
        assert rig.spawner.children[-1].spawned.argv[-3] == name
        assert not started.called
        rig.spawner.children[-1].announce()
        rig.turn(0.02)
    assert started.called


def test_each_process_stops_once_the_one_after_it_is_gone(rig: Rig) -> None:
    children = rig.start_all()
    stopped = rig.group.stop()
    for position in (2, 1, 0):
        rig.turn(0.1)
        told = [bool(child.signals) for child in children]
        assert told == [index >= position for index in range(3)]
        assert not stopped.called
        children[position].end()
        rig.turn()
    assert stopped.called


def test_a_failed_start_stops_what_had_started(rig: Rig) -> None:
    failures: list[Failure] = []
    rig.group.start().addErrback(failures.append)
    rig.spawner.children[0].announce()
    rig.turn(0.02)
    rig.spawner.children[1].end(code=1)
    rig.turn()
    assert failures == []
    assert rig.spawner.children[0].signals == ["TERM"]
    rig.spawner.children[0].end()
    rig.turn()
    assert failures[0].check(ProcessFailed)
    assert "audit ended before it was ready" in failures[0].getErrorMessage()
    assert len(rig.spawner.children) == 2


def test_a_process_that_even_sigkill_does_not_end_does_not_hold_up_the_others(rig: Rig) -> None:
    children = rig.start_all()
    rig.group.stop()
    rig.clock.advance(GRACE_S)
    assert children[2].signals == ["TERM", "KILL"]
    assert children[1].signals == []
    rig.turn(KILL_TIMEOUT_S)
    assert children[1].signals == ["TERM"]


def test_the_figures_of_all_processes_come_by_name(rig: Rig) -> None:
    rig.start_all()
    assert [usage.user_s for usage in rig.group.usage().values()] == [1000.0, 1001.0, 1002.0]
    assert tuple(rig.group.usage()) == NAMES
