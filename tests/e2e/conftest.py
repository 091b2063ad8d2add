"""One stack that most of the end-to-end tests share, each with users and stocks of its own."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from string import ascii_uppercase
from uuid import uuid4

import pytest

from protocol.messages import Add, Receipt
from tests.daytrade.conftest import temporary_traversable_dir
from tests.e2e.client import Client
from tests.e2e.stack import RunningStack, running_stack


@pytest.fixture
def directory() -> Iterator[Path]:
    with temporary_traversable_dir() as directory:
        yield directory


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """Two nodes; a test that kills anything starts a stack of its own."""
    with temporary_traversable_dir() as directory, running_stack(directory) as stack:
        yield stack


@pytest.fixture
def client(stack: RunningStack) -> Iterator[Client]:
    with stack.client() as client:
        yield client


@pytest.fixture(scope="session")
def symbols() -> Iterator[str]:
    return map("".join, product(ascii_uppercase, repeat=3))


@pytest.fixture
def symbol(symbols: Iterator[str]) -> str:
    """A stock that no other test trades, so that its price has not been asked for yet."""
    return next(symbols)


@pytest.fixture
def user(client: Client) -> str:
    """A user with $1,000.00."""
    user = f"user-{uuid4().hex}"
    assert isinstance(client.ask(Add(user, 1, 1_000_00)), Receipt)
    return user
