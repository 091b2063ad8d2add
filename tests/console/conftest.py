"""What the tests of the console share."""

from pathlib import Path

import pytest

from tests.console.premises import SystemInMemory


@pytest.fixture
def system(tmp_path: Path) -> SystemInMemory:
    """Two nodes and an audit daemon; ann has $1,000.00, a pending buy and an armed trigger."""
    system = SystemInMemory(tmp_path)
    node = system.nodes[0]
    node.ask("ADD", "ann", 1_000_00)
    node.ask("BUY", "ann", "ABC", 50_00)
    node.ask("SET_BUY_AMOUNT", "ann", "ABC", 100_00)
    node.ask("SET_BUY_TRIGGER", "ann", "ABC", 4_00)
    node.ask("COMMIT_SELL", "ann")
    system.ship()
    return system
