"""What tests of the audit log beside Postgres share: a database of their own."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.ledger.conftest import ledger_dsn as ledger_dsn
from tests.ledger.postgres_bench import copy_database


@pytest.fixture
def own_dsn(ledger_dsn: str) -> Iterator[str]:
    """The DSN of a database with the schema, which may be written to."""
    yield copy_database(ledger_dsn, f"heads_{uuid4().hex}")
