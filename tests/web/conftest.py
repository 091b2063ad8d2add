"""What the tests of the web share."""

from collections.abc import Iterator

import pytest

from tests.ledger.conftest import ledger_dsn
from tests.reactor_server.house import House
from tests.web.premises import Premises

__all__ = ["ledger_dsn"]

pytest.register_assert_rewrite("tests.web.store_contract")


@pytest.fixture
def premises(failures: list[str]) -> Iterator[Premises]:
    """A web client before one node; ABC costs 5.00. The ledger must be in order at the end."""
    house = House()
    yield Premises(house)
    house.check()
