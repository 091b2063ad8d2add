"""Assertions in the modules of the store contract tell as much as those in tests."""

import pytest

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
