"""One supervised process, on a `Clock` with children that only seem to run."""

from pathlib import Path
from signal import SIGKILL, SIGSEGV, SIGTERM
from typing import TypeVar

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from daytrade.errors import ProcessFailed
from daytrade.process_run import Command, ExitStatus
from daytrade.process_usage import Usage
from daytrade.processes import Backoff, SupervisedProcess
from tests.daytrade.fake_processes import FakeChild, FakeSpawner

T = TypeVar("T")


class Rig:
    """A supervised process with its clock and its fake children."""

    def __init__(self, tmp_path: Path, backoff: Backoff | None = None) -> None:
        self.clock = Clock()
        self.spawner = FakeSpawner()
        self.exits: list[ExitStatus] = []
        self.reading = Usage()
        self.command = Command("node", ("trade", "--fast"), tmp_path, tmp_path / "node.log")
        self.process = self.supervise(self.command, backoff)

    def supervise(self, command: Command, backoff: Backoff | None = None) -> SupervisedProcess:
        return SupervisedProcess(
            self.spawner.as_reactor(),
            self.clock,
            command,
            ready_timeout_s=5.0,
            grace_s=2.0,
            backoff=backoff,
            on_exit=lambda _process, status: self.exits.append(status),
            usage_of=lambda _pid: self.reading,
        )

    @property
    def child(self) -> FakeChild:
        return self.spawner.children[-1]

    def turn(self) -> None:
        """Let everything happen that is due now, what it leads to included."""
        self.clock.pump([0.0] * 5)

    def start(self) -> None:
        """Start the process and bring it to where it is ready."""
        started = self.process.start()
        self.become_ready()
        assert result_of(started) is None

    def become_ready(self) -> None:
        self.child.announce()
        self.clock.advance(0.02)
        self.turn()

    def crash(self) -> None:
        self.child.end(code=None, signal=SIGSEGV)
        self.turn()


def result_of(deferred: Deferred[T]) -> T | Failure | str:
    """Return what a Deferred fired with, "waiting" when it did not fire."""
    results: list[T | Failure] = []
    deferred.addBoth(results.append)
    return results[0] if results else "waiting"


def problem_of(deferred: Deferred[None]) -> str:
    failure = result_of(deferred)
    assert isinstance(failure, Failure)
    assert failure.check(ProcessFailed)
    return failure.getErrorMessage()


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_the_child_gets_its_directory_a_lifeline_and_where_to_announce_itself(
    rig: Rig, tmp_path: Path
) -> None:
    rig.process.start()
    spawned = rig.child.spawned
    assert spawned.argv[-4:] == ("trade", "--fast", "--announce", str(tmp_path / "announce"))
    assert spawned.directory == str(tmp_path)
    assert spawned.environment["PYTHONUNBUFFERED"] == "1"
    assert spawned.descriptors[0] == "w"
    assert spawned.descriptors[1] == spawned.descriptors[2]


def test_start_fires_once_the_child_has_announced_itself(rig: Rig) -> None:
    started = rig.process.start()
    rig.clock.advance(1.0)
    rig.turn()
    assert result_of(started) == "waiting"
    rig.become_ready()
    assert started.called


def test_an_announcement_of_an_earlier_run_does_not_count(rig: Rig) -> None:
    rig.command.announce_path.write_text("ready\n")
    started = rig.process.start()
    rig.clock.advance(1.0)
    rig.turn()
    assert not started.called


def test_another_sign_of_readiness_takes_the_place_of_the_announcement(
    rig: Rig, tmp_path: Path
) -> None:
    open_for_business: list[bool] = []
    command = Command(
        "postgres",
        ("postgres",),
        tmp_path,
        tmp_path / "log",
        {},
        lambda: bool(open_for_business),
    )
    started = rig.supervise(command).start()
    assert rig.child.spawned.argv[-1] == "postgres"
    rig.clock.advance(1.0)
    rig.turn()
    assert not started.called
    open_for_business.append(True)
    rig.clock.advance(0.02)
    rig.turn()
    assert started.called


def test_a_child_that_ends_before_it_is_ready_fails_the_start_with_its_log(tmp_path: Path) -> None:
    """Nobody restarts it: whoever asked for the start decides."""
    rig = Rig(tmp_path, backoff=Backoff())
    rig.command.log_path.write_text("last week's words\n")
    started = rig.process.start()
    with rig.command.log_path.open("a") as log:
        log.write("no such option: --fast\n")
    rig.child.end(code=2)
    rig.turn()
    problem = problem_of(started)
    assert "node ended before it was ready (exit code 2)" in problem
    assert "no such option: --fast" in problem
    assert "last week" not in problem
    rig.clock.advance(60.0)
    assert len(rig.spawner.children) == 1
    assert rig.exits == []


def test_a_child_that_is_not_ready_in_time_is_killed_before_the_start_fails(tmp_path: Path) -> None:
    rig = Rig(tmp_path, backoff=Backoff())
    started = rig.process.start()
    rig.clock.pump([1.0] * 4)
    assert rig.child.signals == []
    rig.clock.pump([1.0] * 2)
    assert rig.child.signals == ["KILL"]
    assert not started.called
    rig.child.end(code=None, signal=SIGKILL)
    rig.turn()
    assert "node was not ready after 5 s" in problem_of(started)
    rig.clock.advance(60.0)
    assert len(rig.spawner.children) == 1


def test_a_second_start_fails_for_a_reason_of_its_own(rig: Rig) -> None:
    rig.process.start().addErrback(lambda _failure: None)
    rig.clock.advance(5.0)
    rig.child.end(code=None, signal=SIGKILL)
    rig.turn()
    started = rig.process.start()
    rig.child.end(code=4)
    rig.turn()
    assert "ended before it was ready (exit code 4)" in problem_of(started)


def test_a_machine_out_of_processes_fails_the_start(rig: Rig) -> None:
    rig.spawner.problem = OSError(11, "Resource temporarily unavailable")
    started = rig.process.start()
    rig.turn()
    assert "cannot be started: [Errno 11]" in problem_of(started)


def test_stop_sends_sigterm_and_fires_when_the_child_is_gone(rig: Rig) -> None:
    rig.start()
    first, second = rig.process.stop(), rig.process.stop()
    assert rig.child.signals == ["TERM"]
    rig.turn()
    assert not first.called
    rig.child.end(code=None, signal=SIGTERM)
    assert not first.called, "a waiter was called inside the change it waited for"
    rig.turn()
    status = ExitStatus(None, SIGTERM)
    assert (result_of(first), result_of(second)) == (status, status)
    assert rig.child.stdin_closed
    assert rig.process.pid is None
    assert rig.exits == []


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace_time(rig: Rig) -> None:
    rig.start()
    rig.process.stop()
    rig.clock.advance(1.9)
    assert rig.child.signals == ["TERM"]
    rig.clock.advance(0.2)
    assert rig.child.signals == ["TERM", "KILL"]


def test_stop_of_a_process_that_does_not_run_fires_with_its_last_status(rig: Rig) -> None:
    assert result_of(rig.process.stop()) is None
    rig.start()
    rig.child.end(code=3)
    rig.turn()
    assert result_of(rig.process.stop()) == ExitStatus(3, None)


def test_stop_during_the_start_fails_the_start(tmp_path: Path) -> None:
    rig = Rig(tmp_path, backoff=Backoff())
    started, stopped = rig.process.start(), rig.process.stop()
    rig.child.end(code=None, signal=SIGTERM)
    rig.turn()
    assert "killed by SIGTERM" in problem_of(started)
    assert stopped.called
    rig.clock.advance(60.0)
    assert len(rig.spawner.children) == 1


def test_stop_of_a_child_that_has_just_ended_by_itself_starts_no_other(tmp_path: Path) -> None:
    rig = Rig(tmp_path, backoff=Backoff())
    rig.start()
    rig.child.end(code=1)
    stopped = rig.process.stop()
    rig.turn()
    assert result_of(stopped) == ExitStatus(1, None)
    rig.clock.advance(60.0)
    assert len(rig.spawner.children) == 1


def test_nothing_is_left_on_the_clock_after_a_stop(rig: Rig) -> None:
    rig.start()
    rig.process.stop()
    rig.child.end()
    rig.turn()
    assert rig.clock.getDelayedCalls() == []


def test_a_stopped_process_can_be_started_again(rig: Rig) -> None:
    for _ in range(2):
        rig.start()
        rig.process.stop()
        rig.child.end()
        rig.turn()


def test_an_end_by_itself_is_reported_with_how_it_came(rig: Rig) -> None:
    rig.start()
    rig.crash()
    assert rig.exits == [ExitStatus(None, SIGSEGV)]
    assert str(rig.exits[0]) == "killed by SIGSEGV"
    rig.clock.advance(60.0)
    assert len(rig.spawner.children) == 1


def test_a_restart_waits_twice_as_long_each_time_up_to_the_most(tmp_path: Path) -> None:
    rig = Rig(tmp_path, backoff=Backoff(first_s=1.0, max_s=3.0))
    rig.start()
    for delay_s in (1.0, 2.0, 3.0, 3.0):
        children = len(rig.spawner.children)
        rig.crash()
        rig.clock.advance(delay_s - 0.01)
        assert len(rig.spawner.children) == children
        rig.clock.advance(0.02)
        assert len(rig.spawner.children) == children + 1
    assert len(rig.exits) == 4


def test_a_healthy_run_makes_the_next_restart_quick_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path, backoff=Backoff(first_s=1.0, healthy_s=4.0))
    rig.start()
    for _ in range(3):
        rig.crash()
        rig.clock.advance(5.0)
    rig.become_ready()
    rig.clock.advance(4.0)
    rig.crash()
    rig.clock.advance(1.0)
    assert len(rig.spawner.children) == 5


def test_a_restart_that_never_gets_ready_does_not_count_as_healthy(tmp_path: Path) -> None:
    """Its time limit is longer than a healthy run: the delays must go on growing."""
    rig = Rig(tmp_path, backoff=Backoff(first_s=1.0, healthy_s=4.0))
    rig.start()
    rig.crash()
    rig.clock.advance(1.0)
    rig.clock.pump([1.0] * 6)
    assert rig.child.signals == ["KILL"]
    rig.child.end(code=None, signal=SIGKILL)
    rig.turn()
    rig.clock.advance(1.0)
    assert len(rig.spawner.children) == 2
    rig.clock.advance(1.0)
    assert len(rig.spawner.children) == 3


def test_a_machine_out_of_processes_puts_the_restart_off(tmp_path: Path) -> None:
    rig = Rig(tmp_path, backoff=Backoff(first_s=1.0))
    rig.start()
    rig.crash()
    rig.spawner.problem = OSError(11, "Resource temporarily unavailable")
    rig.clock.advance(1.0)
    assert len(rig.spawner.children) == 1
    rig.clock.advance(2.0)
    assert len(rig.spawner.children) == 2


def test_stop_before_the_restart_prevents_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, backoff=Backoff(first_s=1.0))
    rig.start()
    rig.crash()
    assert result_of(rig.process.stop()) == ExitStatus(None, SIGSEGV)
    rig.clock.advance(60.0)
    assert len(rig.spawner.children) == 1


def test_a_kill_is_an_end_by_itself(rig: Rig) -> None:
    rig.start()
    rig.process.kill()
    assert rig.child.signals == ["KILL"]
    rig.child.end(code=None, signal=SIGKILL)
    rig.turn()
    assert rig.exits == [ExitStatus(None, SIGKILL)]


def test_usage_adds_up_over_restarts_and_keeps_the_peak(tmp_path: Path) -> None:
    rig = Rig(tmp_path, backoff=Backoff(first_s=1.0))
    rig.start()
    rig.reading = Usage(3.0, 1.0, 80.0)
    rig.clock.advance(1.0)
    rig.reading = Usage()
    rig.crash()
    assert rig.process.usage == Usage(3.0, 1.0, 80.0)
    rig.reading = Usage(0.5, 0.25, 60.0)
    rig.clock.advance(1.0)
    assert rig.process.usage == Usage(3.5, 1.25, 80.0)
