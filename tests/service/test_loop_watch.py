"""An event loop that stands still tells what it was doing; one that turns says nothing."""

import subprocess
import sys
from typing import cast

import pytest
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher

from service.loop_watch import LoopWatch
from tests.service.links import outcome_of

STALL_S = 1.0


class Rig:
    """A watch on a clock, with a timer that only counts."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.armed: list[float] = []
        self.disarmed = 0
        self.watch = LoopWatch(self.clock, STALL_S, self.armed.append, self._disarm)
        outcome_of(self.watch.start())

    def _disarm(self) -> None:
        self.disarmed += 1


@pytest.fixture
def warnings() -> list[LogEvent]:
    return []


@pytest.fixture
def rig(warnings: list[LogEvent], request: pytest.FixtureRequest) -> Rig:
    observer = cast(ILogObserver, warnings.append)
    globalLogPublisher.addObserver(observer)
    request.addfinalizer(lambda: globalLogPublisher.removeObserver(observer))
    return Rig()


def test_a_loop_that_turns_puts_the_timer_off_again_and_again(
    rig: Rig, warnings: list[LogEvent]
) -> None:
    rig.clock.pump([STALL_S / 8] * 80)
    assert len(rig.armed) == 41
    assert set(rig.armed) == {STALL_S}
    assert warnings == []


def test_a_loop_that_stood_still_is_told_once(rig: Rig, warnings: list[LogEvent]) -> None:
    rig.clock.advance(3 * STALL_S)
    rig.clock.pump([STALL_S / 8] * 8)
    [warning] = warnings
    assert warning["still_s"] == 3 * STALL_S


def test_a_watch_that_was_stopped_leaves_no_timer(rig: Rig) -> None:
    outcome_of(rig.watch.stop())
    armed = len(rig.armed)
    rig.clock.advance(10 * STALL_S)
    assert (rig.disarmed, len(rig.armed)) == (1, armed)


_STALLING_PROGRAM = """
import time
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from service.loop_watch import LoopWatch

def stand_still_in_here():
    time.sleep(0.5)
    reactor.stop()

Deferred.fromCoroutine(LoopWatch(reactor, 0.1).start())
reactor.callLater(0.01, stand_still_in_here)
reactor.run()
"""


def test_the_stack_of_the_loop_is_on_standard_error() -> None:
    """A process of its own: the timer is the interpreter's, and there is but one."""
    ran = subprocess.run(
        [sys.executable, "-c", _STALLING_PROGRAM], capture_output=True, text=True, check=True
    )
    assert "stand_still_in_here" in ran.stderr
