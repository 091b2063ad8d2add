"""The contract of the store of users and sessions on Postgres, with a real reactor.

`test_postgres_store` runs this as a program: `python -m tests.web.postgres_contract DSN`. A line of
JSON tells the name of each test and, where it failed, how.
"""

import json
import sys

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import react
from twisted.python.failure import Failure

from tests.ledger.postgres_bench import PostgresBench, copy_database
from tests.web.store_contract import CONTRACT
from web.postgres_store import PostgresWebStore

TEST_S_MAX = 20.0
TAKEN = """
INSERT INTO account (user_name, opened, seq, decided_ms, cash_cents, reserve_cents, pending,
                     lapse_check_ms)
VALUES ('taken', true, 1, 1, 0, 0, ''::bytea, 0)
"""


async def _run(reactor: IReactorTime, dsn: str) -> None:
    contract_dsn = copy_database(dsn, "web_contract")
    for name, test in CONTRACT.items():
        bench = PostgresBench(reactor, contract_dsn)
        bench.clear()
        with bench.connect() as connection, connection.cursor() as cursor:
            cursor.execute(TAKEN)
        store = PostgresWebStore(reactor, contract_dsn, pool_size=2)
        failure = None
        try:
            work: Deferred[None] = Deferred.fromCoroutine(test(store))
            await work.addTimeout(TEST_S_MAX, reactor)
        except Exception:
            failure = Failure().getTraceback()
        store.close()
        sys.stdout.write(json.dumps({"name": name, "failure": failure}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(_run(reactor, sys.argv[1])))
