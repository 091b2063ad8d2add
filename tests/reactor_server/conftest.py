"""What all tests of the node share: the house, which must be in order at the end."""

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.logger import globalLogPublisher

from tests.reactor_server.house import House


@pytest.fixture
def failures() -> Iterator[list[str]]:
    """The failures logged so far; the test must take out those that it expects."""
    logged: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        if "log_failure" in event:
            logged.append(event["log_failure"].getErrorMessage())

    globalLogPublisher.addObserver(observe)
    try:
        yield logged
    finally:
        globalLogPublisher.removeObserver(observe)
    assert logged == []


@pytest.fixture
def house(failures: list[str]) -> Iterator[House]:
    """An empty ledger; ABC costs 5.00."""
    house = House()
    yield house
    house.check()
