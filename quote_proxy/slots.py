"""A fixed number of slots, given out in the order they were asked for.

For the legacy client. Twisted's DeferredSemaphore calls the next waiter from inside `release`; here
it is called on the next turn of the clock, so that a thousand waiters never nest.
"""

from collections import OrderedDict

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime


class Slots:
    """`count` slots; whoever finds none free waits in line."""

    __slots__ = ("_clock", "_free", "_waiting")

    def __init__(self, clock: IReactorTime, count: int) -> None:
        self._clock = clock
        self._free = count
        self._waiting: OrderedDict[Deferred[None], None] = OrderedDict()

    def acquire(self) -> Deferred[None]:
        """Take a slot.

        The Deferred fires with None once the slot is the caller's, who must `release` it.
        Cancelling it leaves the line.
        """
        if self._free and not self._waiting:
            self._free -= 1
            return succeed(None)
        waiter: Deferred[None] = Deferred(self._leave)
        self._waiting[waiter] = None
        return waiter

    def release(self) -> None:
        """Give a slot back; the first in line gets it on the next turn of the clock."""
        self._free += 1
        if self._waiting:
            self._clock.callLater(0, self._grant)

    def _leave(self, waiter: Deferred[None]) -> None:
        del self._waiting[waiter]

    def _grant(self) -> None:
        while self._free and self._waiting:
            self._free -= 1
            waiter, _ = self._waiting.popitem(last=False)
            waiter.callback(None)
