"""Bring a database to the schema that this version knows.

Used by whoever starts a stack, once, before any service runs. Numbered files are applied in order
under an advisory lock; a file that changed after it was applied is an error, never silently
ignored.
"""

import hashlib
from importlib import resources

from msgspec import Struct
from psycopg2.extensions import connection as Connection

_LOCK = 7_340_117
"""Any number, the same for all of us: two stacks that start together take turns."""

_BOOK = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class SchemaError(Exception):
    """The database does not fit this version; the message says how."""


class Migration(Struct, frozen=True):
    """One numbered SQL file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """What was applied, so that a later change of the file shows."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped_migrations() -> list[Migration]:
    """The migrations of this version, in order."""
    found = []
    for file in resources.files("ledger.migrations").iterdir():
        if file.name.endswith(".sql"):
            found.append(Migration(int(file.name.split("_")[0]), file.name, file.read_text()))
    return sorted(found, key=lambda migration: migration.number)


def migrate(connection: Connection, migrations: list[Migration] | None = None) -> list[str]:
    """Apply what is missing, all in one transaction; returns the names of what was applied.

    Raises `SchemaError` when an applied file has changed, or the database is newer than we are.
    """
    wanted = shipped_migrations() if migrations is None else migrations
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_BOOK)
        cursor.execute("SELECT number, checksum FROM schema_migration")
        applied: dict[int, str] = dict(cursor.fetchall())
        _check(applied, wanted)
        missing = [migration for migration in wanted if migration.number not in applied]
        for migration in missing:
            cursor.execute(migration.sql)
            cursor.execute(
                "INSERT INTO schema_migration (number, name, checksum) VALUES (%s, %s, %s)",
                [migration.number, migration.name, migration.checksum],
            )
    return [migration.name for migration in missing]


def _check(applied: dict[int, str], wanted: list[Migration]) -> None:
    known = {migration.number: migration for migration in wanted}
    for number, checksum in applied.items():
        if number not in known:
            raise SchemaError(
                f"the database has migration {number}, which this version does not know: "
                "use a newer version of DayTrade"
            )
        if known[number].checksum != checksum:
            raise SchemaError(
                f"{known[number].name} is not what was applied to this database: "
                "restore the file, and write a new migration for what shall change"
            )
