"""The contract of the store, and what Postgres alone must do, on a real reactor.

`test_postgres_store` runs this as a program, because tests keep the reactor out of their process:

    python -m tests.ledger.postgres_contract DSN

DSN names a database that has the schema; the tests use a copy, emptied for each one. A line of JSON
tells the name of each and, where it failed, how.
"""

import json
import sys
from typing import TextIO

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import react
from twisted.python.failure import Failure

from tests.ledger import postgres_faults, postgres_races
from tests.ledger.bench import ContractTest
from tests.ledger.postgres_bench import PostgresBench, copy_database
from tests.ledger.store_contract import CONTRACT, tests_in

POSTGRES_CONTRACT: dict[str, ContractTest] = CONTRACT | tests_in(postgres_races, postgres_faults)
TEST_S_MAX = 20.0


async def _run(reactor: IReactorTime, dsn: str, out: TextIO) -> None:
    contract_dsn = copy_database(dsn, "contract")
    for name, test in POSTGRES_CONTRACT.items():
        bench = PostgresBench(reactor, contract_dsn)
        bench.clear()
        failure = None
        try:
            await Deferred.fromCoroutine(test(bench)).addTimeout(TEST_S_MAX, reactor)
        except Exception:
            failure = Failure().getTraceback()
        bench.close()
        out.write(json.dumps({"name": name, "failure": failure}) + "\n")
        out.flush()


def main(dsn: str) -> None:
    """Run all tests on the database of `dsn`."""
    react(lambda reactor: Deferred.fromCoroutine(_run(reactor, dsn, sys.stdout)))


if __name__ == "__main__":
    main(sys.argv[1])
