"""What all tests of the trigger service share: the floor they trade on."""

import pytest

from tests.trigger.floor import Floor


@pytest.fixture
def floor(failures: list[str]) -> Floor:
    """A floor on which ABC costs 1.00 and XYZ 2.00."""
    return Floor(ABC=100, XYZ=200)
