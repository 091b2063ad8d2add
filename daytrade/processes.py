"""A process of the stack: started, known to be ready, watched, restarted, stopped.

The stack's composition, `process_group` and tests may import this. Invariants: at most one child
runs at a time; every waiter is called on a later turn of the clock than the change it waited for.
"""

from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import (
    IDelayedCall,
    IProcessTransport,
    IReactorProcess,
    IReactorTime,
)
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from daytrade.errors import ProcessFailed, log_tail
from daytrade.process_run import Command, ExitStatus, ask, spawn
from daytrade.process_usage import Usage, read_usage
from daytrade.watchdog import Watchdog, WatchLimits
from service.lifeline import QUESTION

READY_POLL_S = 0.02
USAGE_POLL_S = 1.0
_CANNOT_START = 127
"""The exit code that shells give to a command which could not be run."""


class Backoff(Struct, frozen=True):
    """How long to wait before an ended process is started again.

    The delay doubles from `first_s` up to `max_s`; a run that was up for `healthy_s` starts over.
    """

    first_s: float = 0.1
    max_s: float = 5.0
    healthy_s: float = 10.0

    def delay_s(self, restarts: int) -> float:
        """Return the wait in seconds after `restarts` restarts in a row."""
        return min(self.max_s, self.first_s * 2.0 ** min(restarts, 32))


class SupervisedProcess:
    """A command that we keep running from `start` to `stop`.

    :param ready_timeout_s: how long a start may take before the child is killed.
    :param grace_s: how long the child may take to end on SIGTERM before SIGKILL; for a command on a
        leash, more than the leash's own grace time.
    :param backoff: restart the child when it ends by itself; None: leave it ended.
    :param watch: how closely to watch a command that answers; None: not at all.
    :param on_exit: called with this process and the status when the child ends by itself.
    """

    log = Logger()

    def __init__(
        self,
        spawner: IReactorProcess,
        clock: IReactorTime,
        command: Command,
        *,
        ready_timeout_s: float = 30.0,
        grace_s: float = 10.0,
        backoff: Backoff | None = None,
        on_exit: Callable[["SupervisedProcess", ExitStatus], None] | None = None,
        usage_of: Callable[[int], Usage] = read_usage,
        watch: WatchLimits | None = None,
    ) -> None:
        self.command = command
        self.grace_s = grace_s
        self._spawner = spawner
        self._clock = clock
        self._ready_timeout_s = ready_timeout_s
        self._backoff = backoff
        self._on_exit = on_exit
        self._usage_of = usage_of
        self._child: IProcessTransport | None = None
        self._started_s = 0.0
        self._log_offset = 0
        self._is_ready = False
        self._problem: str | None = None
        self._starting: Deferred[None] | None = None
        self._stopping: list[Deferred[ExitStatus | None]] = []
        self._ready_poll = LoopingCall(self._look_for_ready)
        self._usage_poll = LoopingCall(self._read_usage)
        self._ready_poll.clock = self._usage_poll.clock = clock
        self._kill_timer: IDelayedCall | None = None
        self._restart_timer: IDelayedCall | None = None
        self._watchdog = (
            None if watch is None else Watchdog(clock, self.name, watch, self._ask, self._silent)
        )
        self._restarts = 0
        self._last_status: ExitStatus | None = None
        self._usage_before = Usage()
        self._usage_now = Usage()

    @property
    def name(self) -> str:
        """The process's name."""
        return self.command.name

    @property
    def pid(self) -> int | None:
        """The child's pid, None while there is no child."""
        return None if self._child is None else self._child.pid

    @property
    def is_ready(self) -> bool:
        """The child runs and has said that it is ready."""
        return self._child is not None and self._is_ready

    @property
    def usage(self) -> Usage:
        """What the child and its descendants have used so far, over all restarts."""
        return self._usage_before.followed_by(self._usage_now)

    def start(self) -> Deferred[None]:
        """Start the child; must not be called while it runs or is about to be restarted.

        Fires when the child is ready; fails with `ProcessFailed`, which shows the end of the log,
        when the child ends before or is not ready in time.
        """
        assert self._child is None and self._restart_timer is None, f"{self.name} runs already"
        waiter: Deferred[None] = Deferred()
        self._starting = waiter
        self._restarts = 0
        self._spawn()
        return waiter

    def stop(self) -> Deferred[ExitStatus | None]:
        """End the child with SIGTERM, or SIGKILL after the grace time; no restart follows.

        Fires with the exit status when the child is gone; with the last one, None if there was
        none, when it was not running.
        """
        if self._restart_timer is not None:
            self._restart_timer.cancel()
            self._restart_timer = None
        if self._child is None:
            return succeed(self._last_status)
        waiter: Deferred[ExitStatus | None] = Deferred()
        self._stopping.append(waiter)
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._kill_timer is None:
            self._signal("TERM")
            self._kill_timer = self._clock.callLater(self.grace_s, self._kill_after_grace)
        return waiter

    def kill(self) -> None:
        """Kill the child with SIGKILL; unless `stop` was called, this is an end by itself."""
        self._signal("KILL")

    def _spawn(self) -> None:
        self._restart_timer = None
        self._is_ready = False
        self._started_s = self._clock.seconds()
        self._problem = None
        log_path = self.command.log_path
        self._log_offset = log_path.stat().st_size if log_path.exists() else 0
        try:
            self._child = spawn(
                self._spawner, self._clock, self.command, self._ended, self._answered
            )
        except OSError as error:
            self._problem = f"cannot be started: {error}"
            self._ended(ExitStatus(code=_CANNOT_START, signal=None))
            return
        self._ready_poll.start(READY_POLL_S, now=False).addErrback(self._poll_failed)
        self._usage_poll.start(USAGE_POLL_S).addErrback(self._poll_failed)

    def _look_for_ready(self) -> None:
        is_ready = self.command.is_ready or self.command.announce_path.exists
        if is_ready():
            self._ready_poll.stop()
            self._is_ready = True
            self.log.info("{name} is ready, pid {pid}", name=self.name, pid=self.pid)
            self._settle_start(None)
            if self._watchdog is not None:
                self._watchdog.start()
        elif self._clock.seconds() - self._started_s >= self._ready_timeout_s:
            self._ready_poll.stop()
            self._problem = f"was not ready after {self._ready_timeout_s:g} s"
            self.kill()

    def _settle_start(self, problem: str | None) -> None:
        """Tell whoever waits for the start how it went."""
        waiter, self._starting = self._starting, None
        if waiter is None:
            return
        if problem is None:
            self._clock.callLater(0, waiter.callback, None)
        else:
            tail = log_tail(self.command.log_path, self._log_offset)
            error = ProcessFailed(f"{self.name} {problem}; {tail}")
            self._clock.callLater(0, waiter.errback, error)

    def _ended(self, status: ExitStatus) -> None:
        """Take note of the child's end, whatever caused it."""
        self._child = None
        if self._watchdog is not None:
            self._watchdog.stop()
        self._last_status = status
        self._usage_before, self._usage_now = self.usage, Usage()
        for poll in (self._ready_poll, self._usage_poll):
            if poll.running:
                poll.stop()
        if self._kill_timer is not None:
            if self._kill_timer.active():
                self._kill_timer.cancel()
            self._kill_timer = None
        self.log.info("{name} ended: {status}", name=self.name, status=status)
        was_starting = self._starting is not None
        self._settle_start(self._problem or f"ended before it was ready ({status})")
        waiters, self._stopping = self._stopping, []
        for waiter in waiters:
            self._clock.callLater(0, waiter.callback, status)
        if not waiters and not was_starting:
            self._ended_by_itself(status)

    def _ended_by_itself(self, status: ExitStatus) -> None:
        if self._on_exit is not None:
            self._clock.callLater(0, self._on_exit, self, status)
        if self._backoff is None:
            return
        up_s = self._clock.seconds() - self._started_s
        if self._is_ready and up_s >= self._backoff.healthy_s:
            self._restarts = 0
        delay_s = self._backoff.delay_s(self._restarts)
        self._restarts += 1
        self.log.warn("{name} starts again in {delay_s} s", name=self.name, delay_s=delay_s)
        self._restart_timer = self._clock.callLater(delay_s, self._spawn)

    # Its health.

    @property
    def trouble(self) -> str:
        """What the child last said was wrong with it; empty when it is well or not watched."""
        return "" if self._watchdog is None else self._watchdog.trouble

    def _ask(self) -> None:
        if self._child is not None:
            ask(self._child, QUESTION)

    def _answered(self, answer: bytes) -> None:
        if self._watchdog is not None:
            self._watchdog.answered(answer)

    def _silent(self, silent_s: float) -> None:
        self.log.error("{name} has not answered for {s:.1f} s: SIGKILL", name=self.name, s=silent_s)
        self.kill()

    # Its end.

    def _kill_after_grace(self) -> None:
        self.log.warn("{name} is still there after SIGTERM: SIGKILL", name=self.name)
        self.kill()

    def _signal(self, name: str) -> None:
        if self._child is None:
            return
        self._read_usage()
        # A child that ended this moment is not to be signalled; `_ended` is on its way.
        with suppress(ProcessExitedAlready):
            self._child.signalProcess(name)

    def _read_usage(self) -> None:
        if self._child is not None and self._child.pid is not None:
            self._usage_now = self._usage_now.later(self._usage_of(self._child.pid))

    def _poll_failed(self, failure: Failure) -> None:
        self.log.failure("watching {name}", failure, name=self.name)
        self.kill()
