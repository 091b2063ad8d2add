"""A fixed number of slots, given out fairly: who waits for many does not keep others waiting.

For the legacy client. Owners take turns, and each one's waiters come in the order they asked.
Twisted's DeferredSemaphore calls the next waiter from inside `release`; here
it is called on the next turn of the clock, so that a thousand waiters never nest.
"""

from collections import OrderedDict

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

_Line = OrderedDict[Deferred[None], None]


class Slots:
    """`count` slots; whoever finds none free waits in line."""

    __slots__ = ("_clock", "_free", "_waiting")

    def __init__(self, clock: IReactorTime, count: int) -> None:
        self._clock = clock
        self._free = count
        self._waiting: OrderedDict[str, _Line] = OrderedDict()

    def acquire(self, owner: str = "") -> Deferred[None]:
        """Take a slot for an owner.

        The Deferred fires with None once the slot is the caller's, who must `release` it.
        Cancelling it leaves the line.
        """
        if self._free and not self._waiting:
            self._free -= 1
            return succeed(None)
        waiter: Deferred[None] = Deferred(lambda leaving: self._leave(owner, leaving))
        self._waiting.setdefault(owner, OrderedDict())[waiter] = None
        return waiter

    def release(self) -> None:
        """Give a slot back; the next in turn gets it on the next turn of the clock."""
        self._free += 1
        if self._waiting:
            self._clock.callLater(0, self._grant)

    def _leave(self, owner: str, waiter: Deferred[None]) -> None:
        line = self._waiting[owner]
        del line[waiter]
        if not line:
            del self._waiting[owner]

    def _grant(self) -> None:
        while self._free and self._waiting:
            self._free -= 1
            owner, line = self._waiting.popitem(last=False)
            waiter, _ = line.popitem(last=False)
            if line:
                self._waiting[owner] = line
            waiter.callback(None)
