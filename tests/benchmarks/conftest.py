"""What the tests of the benchmarks share."""

from tests.ledger.conftest import ledger_dsn

__all__ = ["ledger_dsn"]
