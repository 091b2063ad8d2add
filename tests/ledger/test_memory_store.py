"""The store in memory keeps the contract of `store_contract`."""

from collections.abc import Callable, Sequence

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ledger.account import TriggerName
from ledger.memory_store import MemoryLedger, MemoryStore
from ledger.store import Store
from tests.ledger.bench import ContractTest
from tests.ledger.store_contract import CONTRACT


class MemoryBench:
    """A ledger in memory."""

    def __init__(self) -> None:
        self._ledger = MemoryLedger(lambda: 1)

    def store(self) -> Store:
        return MemoryStore(self._ledger)

    async def listen(self, listener: Callable[[Sequence[TriggerName]], None]) -> None:
        self._ledger.armed_listeners.append(listener)


@pytest.mark.parametrize("test", CONTRACT.values(), ids=CONTRACT.keys())
def test_memory_keeps_the_contract(test: ContractTest) -> None:
    outcome: list[object] = []
    Deferred.fromCoroutine(test(MemoryBench())).addBoth(outcome.append)
    assert outcome, "the store in memory never waits"
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
