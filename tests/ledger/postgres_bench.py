"""What tests of the store in Postgres are given: an empty ledger, and ways to break it.

The modules of the contract that only Postgres must keep, and `postgres_contract`, import this.
"""

from collections.abc import Callable, Sequence

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn, parse_dsn
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ledger.account import TriggerName
from ledger.postgres.store import PostgresStore
from ledger.store import Store


class PostgresBench:
    """A ledger in a database that nobody else uses."""

    def __init__(self, reactor: IReactorTime, dsn: str) -> None:
        self.reactor = reactor
        self.dsn = dsn
        self._stores: list[PostgresStore] = []

    def store(self) -> Store:
        return self.postgres_store()

    def postgres_store(self) -> PostgresStore:
        store = PostgresStore(self.reactor, self.dsn, pool_size=2)
        self._stores.append(store)
        return store

    async def listen(self, listener: Callable[[Sequence[TriggerName]], None]) -> None:
        await self.postgres_store().listen_armed(listener)

    def connect(self) -> Connection:
        """A plain blocking connection to the same database, for faults and looks from outside."""
        connection = psycopg2.connect(self.dsn)
        connection.autocommit = True
        return connection

    def kill_backends(self, condition: str = "true") -> int:
        """End the server's side of the stores' connections; returns how many there were."""
        connection = self.connect()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                f"WHERE datname = current_database() AND pid <> pg_backend_pid() AND {condition}"
            )
            killed = cursor.rowcount
        connection.close()
        return killed

    async def pause(self) -> None:
        """Let the reactor do what it has to, before a condition is looked at again."""
        await deferLater(self.reactor, 0.005)

    def clear(self) -> None:
        """Leave nothing of an earlier test: no connection, no lock and no row."""
        self.kill_backends()
        connection = self.connect()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT string_agg(tablename, ',') FROM pg_tables "
                "WHERE schemaname = 'public' AND tablename <> 'schema_migration'"
            )
            (tables,) = cursor.fetchone() or ("",)
            cursor.execute(f"TRUNCATE {tables} RESTART IDENTITY")
        connection.close()

    def close(self) -> None:
        for store in self._stores:
            store.close()


def copy_database(dsn: str, name: str) -> str:
    """Make a database like that of `dsn`, to which nobody may be connected; return its DSN."""
    template = parse_dsn(dsn)["dbname"]
    connection = psycopg2.connect(make_dsn(dsn, dbname="postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    connection.close()
    return make_dsn(dsn, dbname=name)
