"""The processes of a stack, started in order and stopped in reverse order.

The stack's composition and tests may import this. Invariant: whoever a process depends on was ready
before it started and is still there while it stops.
"""

from collections.abc import Sequence

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daytrade.process_usage import Usage
from daytrade.processes import SupervisedProcess

KILL_TIMEOUT_S = 5.0
"""How long after SIGKILL the kernel may take to end a process before we go on without it."""


class ProcessGroup:
    """Several supervised processes, the ones that others depend on first."""

    log = Logger()

    def __init__(self, clock: IReactorTime, processes: Sequence[SupervisedProcess]) -> None:
        self.processes = tuple(processes)
        self._clock = clock

    def start(self) -> Deferred[None]:
        """Start each process once the one before it is ready.

        Fires when all are ready. When one fails, those already started are stopped and the Deferred
        fails with its `ProcessFailed`.
        """
        return Deferred.fromCoroutine(self._start())

    def stop(self) -> Deferred[None]:
        """Stop each process once the one after it is gone; fires when all are, and never fails."""
        return Deferred.fromCoroutine(self._stop())

    def usage(self) -> dict[str, Usage]:
        """Return what each process has used so far, by name."""
        return {process.name: process.usage for process in self.processes}

    async def _start(self) -> None:
        for process in self.processes:
            self.log.info("starting {name}", name=process.name)
            try:
                await process.start()
            except BaseException:
                await self._stop()
                raise

    async def _stop(self) -> None:
        for process in reversed(self.processes):
            self.log.info("stopping {name}", name=process.name)
            limit_s = process.grace_s + KILL_TIMEOUT_S
            try:
                await process.stop().addTimeout(limit_s, self._clock)
            except TimeoutError:
                self.log.error("{name} does not end; going on without it", name=process.name)
