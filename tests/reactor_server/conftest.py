"""What all tests of the node share: the house, which must be in order at the end."""

from collections.abc import Iterator

import pytest
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from tests.reactor_server.house import House
from tests.reactor_server.log_keeper import LogKeeper


@pytest.fixture
def failures() -> Iterator[list[str]]:
    """The failures logged so far; the test must take out those that it expects."""
    logged: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
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


@pytest.fixture
def keeper(house: House) -> LogKeeper:
    """The audit daemon of the house."""
    return LogKeeper(house.audit)
