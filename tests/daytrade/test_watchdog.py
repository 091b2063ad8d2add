"""A child that does not answer is replaced; one that says it is unwell is left alone."""

from pathlib import Path
from signal import SIGKILL

import pytest
from msgspec.structs import replace

from daytrade.processes import Backoff, SupervisedProcess
from daytrade.watchdog import WatchLimits
from tests.daytrade.test_processes import Rig

LIMITS = WatchLimits(ask_every_s=0.5, answer_s=2.0)


class WatchedRig(Rig):
    """A supervised process whose child answers."""

    def __init__(self, tmp_path: Path) -> None:
        super().__init__(tmp_path)
        self.process = SupervisedProcess(
            self.spawner.as_reactor(),
            self.clock,
            replace(self.command, answers=True),
            backoff=Backoff(),
            usage_of=lambda _pid: self.reading,
            watch=LIMITS,
        )


@pytest.fixture
def rig(tmp_path: Path) -> WatchedRig:
    rig = WatchedRig(tmp_path)
    rig.start()
    return rig


def test_the_child_is_told_where_to_answer(rig: WatchedRig) -> None:
    spawned = rig.child.spawned
    assert spawned.argv[-4:-2] == ("--answer-on", "3")
    assert spawned.descriptors[3] == "r"


def test_a_child_is_asked_from_when_it_is_ready(tmp_path: Path) -> None:
    rig = WatchedRig(tmp_path)
    rig.process.start()
    rig.clock.pump([0.5] * 6)
    assert rig.child.questions == []
    rig.become_ready()
    rig.clock.pump([0.5] * 2)
    assert rig.child.questions == [b"health\n"]


def test_a_child_that_answers_is_asked_again_and_left_alone(rig: WatchedRig) -> None:
    for _ in range(20):
        rig.clock.advance(0.5)
        rig.child.answer(b"well")
    assert len(rig.child.questions) >= 19
    assert rig.child.signals == []


def test_a_child_that_is_unwell_is_left_alone_and_says_why(rig: WatchedRig) -> None:
    for _ in range(20):
        rig.clock.advance(0.5)
        rig.child.answer(b"unwell no ledger")
    assert rig.process.trouble == "no ledger"
    assert rig.child.signals == []
    rig.child.answer(b"well")
    assert rig.process.trouble == ""


def test_a_child_that_falls_silent_is_killed_and_started_again(rig: WatchedRig) -> None:
    rig.clock.advance(0.5)
    rig.child.answer(b"well")
    rig.clock.pump([0.5] * 4)
    assert rig.child.signals == []
    rig.clock.pump([0.5])
    assert rig.child.signals == ["KILL"]
    rig.child.end(code=None, signal=SIGKILL)
    rig.turn()
    rig.clock.advance(0.1)
    assert len(rig.spawner.children) == 2
    rig.become_ready()
    rig.clock.advance(0.5)
    assert rig.child.questions == [b"health\n"]


def test_a_supervisor_that_stood_still_itself_reads_the_answer_before_it_judges(
    rig: WatchedRig,
) -> None:
    rig.clock.advance(0.5)
    rig.clock.advance(60.0)
    assert rig.child.signals == []
    rig.child.answer(b"well")
    rig.clock.pump([0.5] * 3)
    assert rig.child.signals == []
    rig.clock.pump([0.5] * 4)
    assert rig.child.signals == ["KILL"]


def test_a_child_that_is_told_to_end_is_asked_no_more(rig: WatchedRig) -> None:
    rig.process.stop()
    rig.clock.pump([0.5] * 8)
    assert rig.child.questions == []
    assert rig.child.signals == ["TERM"]
