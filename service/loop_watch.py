"""Watches the event loop of its own process: one that stands still tells what it was doing.

Used by `service.daemon`. The timer is the interpreter's own (faulthandler), which needs neither the
loop nor the interpreter's lock, so that it speaks even while one call of a library holds both.
"""

import faulthandler
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

_BEATS_PER_STALL = 4
_STDERR = 2


def _arm(stall_s: float) -> None:
    """Have the stacks of all threads written to standard error, unless armed again in time."""
    faulthandler.dump_traceback_later(stall_s, file=_STDERR)


class LoopWatch:
    """Beats in the event loop; a beat that is late is told, with the stack at that moment.

    :param stall_s: how long the loop may stand still.
    :param arm, disarm: the timer that writes the stack; tests use another.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        stall_s: float,
        arm: Callable[[float], None] = _arm,
        disarm: Callable[[], None] = faulthandler.cancel_dump_traceback_later,
    ) -> None:
        self._clock = clock
        self._stall_s = stall_s
        self._arm = arm
        self._disarm = disarm
        self._last_s = 0.0
        self._beat_call = LoopingCall(self._beat)
        self._beat_call.clock = clock

    async def start(self) -> None:
        """Begin to watch."""
        self._last_s = self._clock.seconds()
        self._beat_call.start(self._stall_s / _BEATS_PER_STALL)

    async def stop(self) -> None:
        """Watch no more."""
        if self._beat_call.running:
            self._beat_call.stop()
        self._disarm()

    def _beat(self) -> None:
        now_s = self._clock.seconds()
        still_s = now_s - self._last_s
        if still_s > self._stall_s:
            self.log.warn(
                "the event loop stood still for {still_s:.1f} s; standard error has the stack",
                still_s=still_s,
            )
        self._last_s = now_s
        self._arm(self._stall_s)
