"""What several tests of the local stack need."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@pytest.fixture
def traversable_dir() -> Iterator[Path]:
    with temporary_traversable_dir() as directory:
        yield directory


@contextmanager
def temporary_traversable_dir() -> Iterator[Path]:
    """A folder in /tmp itself: pytest's own are closed to the user that runs PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="daytrade-test-") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)
