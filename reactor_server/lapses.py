"""When to look at pending orders that nobody commits.

Used by the desk. It only remembers times; whether an order has lapsed is for the rules to say.
"""

from collections.abc import Callable
from heapq import heappop, heappush

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

LOOK_EVERY_S = 0.25
"""An order's reserve is back well within a second of its lapse (SPEC section 1)."""


class LapseClock:
    """Calls `look` with each user whose time has come."""

    def __init__(
        self, clock: IReactorTime, now_ms: Callable[[], int], look: Callable[[str], None]
    ) -> None:
        self._now_ms = now_ms
        self._look = look
        self._due: list[tuple[int, str]] = []
        self._loop = LoopingCall(self._tick)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin to look."""
        self._loop.start(LOOK_EVERY_S, now=False)

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()

    def expect(self, user: str, time_ms: int) -> None:
        """Look at this user's orders at this time."""
        heappush(self._due, (time_ms, user))

    def _tick(self) -> None:
        now_ms = self._now_ms()
        while self._due and self._due[0][0] <= now_ms:
            _, user = heappop(self._due)
            self._look(user)
