"""The ledger's storage in memory, slow or in trouble when a test says so.

Only tests import this.
"""

from collections.abc import Callable, Coroutine, Sequence
from enum import Enum
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from ledger.account import Account, TriggerName
from ledger.entry import Entry
from ledger.memory_store import MemoryLedger, MemoryStore
from ledger.store import ArmedTrigger, OutcomeUnknown, StoreUnavailable, Stream

T = TypeVar("T")


def done(coroutine: Coroutine[Deferred[Any], Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    results: list[T] = []
    failures: list[BaseException] = []
    Deferred.fromCoroutine(coroutine).addCallbacks(
        results.append, lambda failure: failures.append(failure.value)
    )
    if failures:
        raise failures[0]
    (result,) = results
    return result


class Loss(Enum):
    """When the connection is lost during a write."""

    BEFORE_COMMIT = "nothing was written"
    AFTER_COMMIT = "all was written"


class ShakyStore(MemoryStore):
    """See `ledger.store.Store`.

    :ivar delay_s: how long each question takes; what it asks about is done at the end of it.
    :ivar is_away: no question is taken.
    :ivar next_losses: how the next writes fall silent, the first one first.
    :ivar triggers_read: how many armed triggers all questions have returned.
    :ivar writes: how many times `settle` was called.
    """

    def __init__(self, ledger: MemoryLedger, clock: Clock) -> None:
        super().__init__(ledger)
        self._clock = clock
        self._lost_streams: set[str] = set()
        self.delay_s = 0.0
        self.is_away = False
        self.next_losses: list[Loss] = []
        self.writes = 0
        self.triggers_read = 0

    async def _on_the_way(self) -> None:
        if self.delay_s:
            await deferLater(self._clock, self.delay_s)
        if self.is_away:
            raise StoreUnavailable("away")

    async def now_ms(self) -> int:
        await self._on_the_way()
        return await super().now_ms()

    async def open_stream(self, name: str) -> Stream:
        await self._on_the_way()
        self._lost_streams.discard(name)
        return await super().open_stream(name)

    async def armed(self, triggers: Sequence[TriggerName] | None = None) -> list[ArmedTrigger]:
        await self._on_the_way()
        armed = await super().armed(triggers)
        self.triggers_read += len(armed)
        return armed

    async def armed_since(self, since_ms: int) -> list[ArmedTrigger]:
        await self._on_the_way()
        armed = [each for each in await MemoryStore.armed(self) if each.armed_ms >= since_ms]
        self.triggers_read += len(armed)
        return armed

    async def overdue(self, now_ms: int, limit: int) -> list[str]:
        await self._on_the_way()
        return await super().overdue(now_ms, limit)

    async def settle(
        self,
        stream: Stream,
        users: Sequence[str],
        decide: Callable[[Account], list[Entry]],
    ) -> list[bytes]:
        """Like any store's, but a connection that was lost stays so until the stream is opened."""
        self.writes += 1
        await self._on_the_way()
        loss = self.next_losses.pop(0) if self.next_losses else None
        if stream.name in self._lost_streams or loss is Loss.BEFORE_COMMIT:
            self._lost_streams.add(stream.name)
            raise OutcomeUnknown("the connection is closed")
        encoded = await super().settle(stream, users, decide)
        if loss is Loss.AFTER_COMMIT:
            self._lost_streams.add(stream.name)
            raise OutcomeUnknown("the connection was closed")
        return encoded
