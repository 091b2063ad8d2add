"""What all tests of the node share: the house, which must be in order at the end."""

from collections.abc import Iterator

import pytest

from tests.reactor_server.house import House
from tests.reactor_server.log_keeper import LogKeeper


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
