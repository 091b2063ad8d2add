"""What all tests of the trigger service share: nothing may go wrong unseen in the log."""

from collections.abc import Iterator

import pytest
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from tests.trigger.floor import Floor


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
def floor(failures: list[str]) -> Floor:
    """A floor on which ABC costs 1.00 and XYZ 2.00."""
    return Floor(ABC=100, XYZ=200)
