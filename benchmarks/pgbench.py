"""PostgreSQL's own benchmark, TPC-B-like, on the server that holds the ledger: our unit of speed.

Used by `benchmarks.bench`. Blocks. The settings are the server's, so a transaction of it is as
durable as one of ours.
"""

import re
import subprocess
from pathlib import Path

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, make_dsn, parse_dsn

DATABASE = "daytrade_pgbench"
CLIENTS, THREADS, SCALE = 8, 2, 10

_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


class PgbenchFailed(Exception):
    """pgbench could not be run; the message is its own."""


class Pgbench:
    """pgbench on one server, in a database of its own."""

    def __init__(self, program: Path, dsn: str) -> None:
        self._program = program
        self._dsn = dsn
        parameters = parse_dsn(dsn)
        self._target = ["-h", parameters["host"], "-p", parameters["port"]]
        self._target += ["-U", parameters["user"], DATABASE]

    def prepare(self) -> None:
        """Make the database and fill it; raises `PgbenchFailed`."""
        connection = psycopg2.connect(make_dsn(self._dsn, dbname="postgres"))
        connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {DATABASE}")
        connection.close()
        self._run("-i", "-q", "-s", str(SCALE))

    def tps(self, seconds: float) -> float:
        """Transactions per second over so many seconds; raises `PgbenchFailed`."""
        options = ["-n", "-M", "prepared", "-c", str(CLIENTS), "-j", str(THREADS)]
        output = self._run(*options, "-T", str(round(seconds)))
        found = _TPS.search(output)
        if found is None:
            raise PgbenchFailed(f"pgbench told no tps: {output}")
        return float(found[1])

    def _run(self, *options: str) -> str:
        command = [str(self._program), *options, *self._target]
        result = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
        if result.returncode:
            raise PgbenchFailed(f"pgbench ended with {result.returncode}: {result.stderr}")
        return result.stdout
