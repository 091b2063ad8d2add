"""What every store of the ledger must do: one suite, run on memory and on Postgres.

`test_memory_store` and `postgres_contract` import this. A contract test is an `async def` in one of
the modules below that is given a `Bench` and fails by raising; its name says what it expects.
"""

import inspect
from types import ModuleType

from tests.ledger import (
    contract_accounts,
    contract_announcements,
    contract_reading,
    contract_settling,
    contract_streams,
    contract_triggers,
    contract_versions,
)
from tests.ledger.bench import ContractTest


def tests_in(*modules: ModuleType) -> dict[str, ContractTest]:
    """The contract tests that modules define, by name."""
    return {
        name: test
        for module in modules
        for name, test in inspect.getmembers(module, inspect.iscoroutinefunction)
        if test.__module__ == module.__name__ and not name.startswith("_")
    }


CONTRACT = tests_in(
    contract_accounts,
    contract_versions,
    contract_streams,
    contract_settling,
    contract_reading,
    contract_triggers,
    contract_announcements,
)
