"""Time for a whole process: monotonic inside, Unix milliseconds where it is written down.

May be imported by everything above `protocol`.
"""

import time
from typing import Any

from twisted.internet.interfaces import IReactorTime


def wall_ms() -> int:
    """The machine's own idea of Unix time, in milliseconds; it may jump."""
    return time.time_ns() // 1_000_000


def make_timers_monotonic(reactor: Any) -> None:
    """Let the reactor's timers run on the monotonic clock.

    Twisted reads the wall clock for them, so that a clock set back by an hour would stop every
    timer for an hour. To be called before anything is scheduled.
    """
    reactor.seconds = time.monotonic


class SteadyClock:
    """Unix milliseconds that advance with a monotonic clock and never go back.

    It is set once from a time that others share, Postgres's, and then is independent of the
    machine's wall clock (SPEC section 1, "Times stored for other processes").
    """

    __slots__ = ("_base_ms", "_clock", "_floor_ms")

    def __init__(self, clock: IReactorTime, now_ms: int = 0) -> None:
        self._clock = clock
        self._floor_ms = 0
        self._base_ms = 0
        self.set(now_ms)

    def set(self, now_ms: int) -> None:
        """Say what time it is now; the clock waits rather than go back."""
        self._base_ms = now_ms - int(self._clock.seconds() * 1000)

    def not_before(self, time_ms: int) -> None:
        """Never again tell a time before this one."""
        if time_ms > self._floor_ms:
            self._floor_ms = time_ms

    def now_ms(self, not_before_ms: int = 0) -> int:
        """The time, Unix ms; none before the given one, now or later."""
        now_ms = self._base_ms + int(self._clock.seconds() * 1000)
        if now_ms < not_before_ms:
            now_ms = not_before_ms
        if now_ms > self._floor_ms:
            self._floor_ms = now_ms
        return self._floor_ms

    def at_ms(self, at_s: float) -> int:
        """What time it was when the monotonic clock stood so, Unix ms."""
        return self._base_ms + int(at_s * 1000)
