"""What a test of the store contract is given: an empty ledger of its own, and stores on it.

Only tests import this. `test_memory_store` and `postgres_contract` each have one for their store.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from ledger.account import TriggerName
from ledger.store import Store


class Bench(Protocol):
    """An empty ledger in one kind of store."""

    def store(self) -> Store:
        """One store more on the same ledger, as another process would have it."""

    async def listen(self, listener: Callable[[Sequence[TriggerName]], None]) -> None:
        """Call `listener` with each announcement of changed triggers, as trigger services do."""


ContractTest = Callable[[Any], Coroutine[Deferred[Any], Any, None]]
"""An `async def` that is given a `Bench`; some, that only Postgres must pass, a `PostgresBench`."""
