"""The store of users and sessions in Postgres keeps the contract of `store_contract`.

The tests themselves run in one child process, which has the reactor; each is told here as a test.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.web.store_contract import CONTRACT

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).parents[2]
CHILD_S_MAX = 120


@pytest.fixture(scope="session")
def failures(ledger_dsn: str) -> dict[str, str | None]:
    """How each test of the contract failed, None where it did not."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.web.postgres_contract", ledger_dsn],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=CHILD_S_MAX,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    told = [json.loads(line) for line in child.stdout.splitlines()]
    return {each["name"]: each["failure"] for each in told}


@pytest.mark.parametrize("name", CONTRACT)
def test_postgres_keeps_the_contract(name: str, failures: dict[str, str | None]) -> None:
    if failures[name] is not None:
        pytest.fail(str(failures[name]), pytrace=False)
