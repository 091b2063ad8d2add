"""What the tests of the ledger share: one PostgreSQL, and assertions that tell as much as in tests.

Making and starting a server takes a second, so one serves the whole session. It need not be
durable: no test here pulls its plug.
"""

from collections.abc import Iterator

import psycopg2
import pytest

from daytrade.embedded_postgres import EmbeddedPostgres
from ledger.postgres.migrate import migrate
from tests.daytrade.conftest import temporary_traversable_dir

pytest.register_assert_rewrite(
    "tests.ledger.contract_accounts",
    "tests.ledger.contract_versions",
    "tests.ledger.contract_streams",
    "tests.ledger.contract_settling",
    "tests.ledger.contract_reading",
    "tests.ledger.contract_triggers",
    "tests.ledger.desk",
    "tests.ledger.oracle_words",
    "tests.ledger.replay",
)


@pytest.fixture(scope="session")
def ledger_dsn() -> Iterator[str]:
    """The DSN of a database that has the schema and stays empty: to be copied, not written to."""
    with (
        temporary_traversable_dir() as directory,
        EmbeddedPostgres(directory / "postgres", {"fsync": "off"}) as postgres,
    ):
        connection = psycopg2.connect(postgres.dsn)
        migrate(connection)
        connection.close()
        yield postgres.dsn
