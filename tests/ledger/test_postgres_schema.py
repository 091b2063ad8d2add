"""The schema of the ledger: how it comes into a database, and what it refuses by itself."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg2
import pytest
from msgspec.structs import replace
from psycopg2.errors import CheckViolation, UndefinedTable, UniqueViolation
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn

from ledger.postgres.migrate import Migration, SchemaError, migrate, shipped_migrations
from tests.ledger.postgres_bench import copy_database

pytestmark = pytest.mark.postgres

ACCOUNT = "INSERT INTO account VALUES ('ann', true, 1, 0, {cash}, {reserve}, '', 0)"
TRIGGER = (
    "INSERT INTO standing_trigger "
    "VALUES ('ann', 'ABC', '{side}', {amount}, {price}, {shares}, '', 1, 0)"
)
JOURNAL = "INSERT INTO journal VALUES ('{user}', {seq}, '{command_id}', 1, 1, '')"


@pytest.fixture
def connection(ledger_dsn: str) -> Iterator[Connection]:
    """A connection to a database with the schema; nothing is committed there."""
    connection = psycopg2.connect(ledger_dsn)
    yield connection
    connection.close()


@pytest.fixture
def own_connection(ledger_dsn: str) -> Iterator[Connection]:
    """A connection to a database of its own with the schema, which may be changed."""
    connection = psycopg2.connect(copy_database(ledger_dsn, f"schema_{uuid4().hex}"))
    yield connection
    connection.close()


def test_the_migrations_are_numbered_without_gaps() -> None:
    numbers = [migration.number for migration in shipped_migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_second_migration_finds_nothing_to_do(own_connection: Connection) -> None:
    assert migrate(own_connection) == []


def test_only_what_is_missing_is_applied(own_connection: Connection) -> None:
    wanted = [*shipped_migrations(), Migration(1_000, "1000_more.sql", "CREATE TABLE more ()")]
    assert migrate(own_connection, wanted) == ["1000_more.sql"]
    assert _rows(own_connection, "SELECT * FROM more") == []
    assert migrate(own_connection, wanted) == []


def test_a_migration_that_changed_after_it_was_applied_is_refused(
    own_connection: Connection,
) -> None:
    first, *others = shipped_migrations()
    changed = replace(first, sql=first.sql + "-- a word more\n")
    with pytest.raises(SchemaError, match=first.name):
        migrate(own_connection, [changed, *others])
    assert migrate(own_connection) == []


def test_a_database_newer_than_this_version_is_refused(own_connection: Connection) -> None:
    migrate(own_connection, [*shipped_migrations(), Migration(1_000, "1000_more.sql", "SELECT 1")])
    with pytest.raises(SchemaError, match="newer version of DayTrade"):
        migrate(own_connection)


def test_migrations_are_applied_all_or_none(own_connection: Connection) -> None:
    more = [
        Migration(1_000, "1000_more.sql", "CREATE TABLE more ()"),
        Migration(1_001, "1001_wrong.sql", "SELECT * FROM nothing_of_this_name"),
    ]
    with pytest.raises(UndefinedTable):
        migrate(own_connection, [*shipped_migrations(), *more])
    with pytest.raises(UndefinedTable):
        _rows(own_connection, "SELECT * FROM more")
    own_connection.rollback()
    assert migrate(own_connection) == []


def test_what_was_journalled_before_there_was_a_chain_is_in_it_afterwards(
    ledger_dsn: str,
) -> None:
    empty_dsn = make_dsn(ledger_dsn, dbname="template1")
    connection = psycopg2.connect(copy_database(empty_dsn, f"schema_{uuid4().hex}"))
    migrate(connection, shipped_migrations()[:7])
    for seq, (user, last) in enumerate([("ann", 1), ("bob", 1), ("ann", 2), ("ann", 3)], 1):
        _rows(connection, JOURNAL.format(user=user, seq=last, command_id=_id(seq)))
    _rows(connection, ACCOUNT.format(cash=0, reserve=0).replace("true, 1", "true, 3"))
    connection.commit()
    migrate(connection)
    chain = _rows(connection, "SELECT command_id, prev_id FROM journal ORDER BY command_id")
    first, bobs, second, third = [_id(seq) for seq in range(1, 5)]
    assert chain == [(first, None), (bobs, None), (second, first), (third, second)]
    assert _rows(connection, "SELECT user_name, last_id FROM account") == [("ann", third)]
    connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        ACCOUNT.format(cash=-1, reserve=0),
        ACCOUNT.format(cash=0, reserve=-1),
        "INSERT INTO holding VALUES ('ann', 'ABC', -1)",
        TRIGGER.format(side="buy", amount=0, price=1, shares=0),
        TRIGGER.format(side="buy", amount=1, price=-1, shares=0),
        TRIGGER.format(side="sell", amount=1, price=1, shares=-1),
        TRIGGER.format(side="hold", amount=1, price=1, shares=1),
    ],
)
def test_what_can_never_be_is_refused_by_the_database_itself(
    connection: Connection, sql: str
) -> None:
    with pytest.raises(CheckViolation):
        _rows(connection, sql)


@pytest.mark.parametrize(
    "sql",
    [
        ACCOUNT.format(cash=0, reserve=0),
        "INSERT INTO holding VALUES ('ann', 'ABC', 0)",
        TRIGGER.format(side="buy", amount=1, price=0, shares=0),
        TRIGGER.format(side="sell", amount=1, price=0, shares=0),
        JOURNAL.format(user="ann", seq=1, command_id="0" * 32),
    ],
)
def test_the_least_that_can_be_is_taken_and_once_only(connection: Connection, sql: str) -> None:
    _rows(connection, sql)
    with pytest.raises(UniqueViolation):
        _rows(connection, sql)


def test_a_command_id_is_taken_once_whoever_the_user_is(connection: Connection) -> None:
    _rows(connection, JOURNAL.format(user="ann", seq=1, command_id="a" * 32))
    with pytest.raises(UniqueViolation):
        _rows(connection, JOURNAL.format(user="bob", seq=1, command_id="a" * 32))


def _id(number: int) -> str:
    return str(UUID(int=number))


def _rows(connection: Connection, sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []
