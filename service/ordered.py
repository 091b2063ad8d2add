"""Ordered start and stop: one part after the other, the reverse at the end, nothing for ever.

May be imported by every daemon. Twisted's MultiService stops all its children at once; a node must
stop accepting before it drains, and drain before it closes its database.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import Struct
from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

EXIT_FAILED = 1


class Step(Struct, frozen=True):
    """A part of a daemon.

    :ivar name: what the log calls it.
    :ivar start, stop: awaited one at a time; either may be None.
    :ivar stop_timeout_s: after this long the next part is stopped all the same.
    """

    name: str
    start: Callable[[], Awaitable[Any]] | None = None
    stop: Callable[[], Awaitable[Any]] | None = None
    stop_timeout_s: float = 10.0


class OrderedService(Service):
    """Starts its steps in order, and stops those that were started in the reverse order.

    :ivar on_ready: called when all steps have started.
    :ivar on_failure: called with the failure of a step that could not start.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        steps: Sequence[Step],
        on_ready: Callable[[], None],
        on_failure: Callable[[str, Failure], None],
    ) -> None:
        self._clock = clock
        self._steps = steps
        self._started: list[Step] = []
        self._starting: Deferred[None] | None = None
        self.on_ready = on_ready
        self.on_failure = on_failure

    def startService(self) -> None:
        """Begin to start the steps; `on_ready` or `on_failure` tells the end."""
        super().startService()
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(lambda failure: self.log.failure("start", failure))

    async def _start(self) -> None:
        for step in self._steps:
            self._started.append(step)
            if step.start is None:
                continue
            try:
                await step.start()
            except Exception:
                if self.running:
                    self.on_failure(step.name, Failure())
                return
            if not self.running:
                return
            self.log.info("{name}: started", name=step.name)
        self.on_ready()

    def stopService(self) -> Deferred[None]:
        """Stop what was started, the last first; fires when all is stopped or has had its time."""
        super().stopService()
        if self._starting is not None:
            self._starting.cancel()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        while self._started:
            step = self._started.pop()
            if step.stop is None:
                continue
            try:
                stopping = Deferred.fromCoroutine(_awaited(step.stop()))
                await stopping.addTimeout(step.stop_timeout_s, self._clock)
            except TimeoutError:
                self.log.error(
                    "{name}: not stopped within {timeout} s, going on",
                    name=step.name,
                    timeout=step.stop_timeout_s,
                )
            except Exception:
                self.log.failure("{name}: failed to stop, going on", name=step.name)
            else:
                self.log.info("{name}: stopped", name=step.name)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def exit_with_failure(reactor: Any, message: str) -> None:
    """Stop the reactor in order, and let the process end with an exit code that says it failed."""

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.write(message + "\n")
        sys.stderr.flush()
        os._exit(EXIT_FAILED)

    reactor.addSystemEventTrigger("after", "shutdown", leave)
    reactor.callWhenRunning(reactor.stop)
