"""The store of users and sessions in memory keeps the contract of `store_contract`."""

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.web.store_contract import CONTRACT, T, WebContractTest
from web.memory_store import MemoryWebStore


@pytest.mark.parametrize("test", CONTRACT.values(), ids=CONTRACT.keys())
def test_memory_keeps_the_contract(test: WebContractTest) -> None:
    outcome: list[object] = []
    store = MemoryWebStore(lambda: T, {"taken"})
    Deferred.fromCoroutine(test(store)).addBoth(outcome.append)
    assert outcome, "the store in memory never waits"
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
