"""The log is torn while the stack is down: it is mended at the start, and whole again."""

from pathlib import Path

import pytest

from protocol.messages import Add, Receipt
from tests.e2e.stack import daytrade, running_stack

pytestmark = pytest.mark.e2e


def test_a_torn_log_is_mended_from_the_journal_and_passes_every_check(directory: Path) -> None:
    with running_stack(directory, nodes=1) as stack:
        with stack.client() as client:
            for number in range(1, 200):
                assert isinstance(client.ask(Add(f"user-{number % 9}", number, 1_00)), Receipt)
        path = stack.data / "audit" / "audit.sqlite"
        assert stack.stop() == 0
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with running_stack(directory, nodes=1) as stack:
        with stack.client() as client:
            assert client.dumplog("user-1").count(b"<userCommand>") == 23 + 1
        assert stack.stop() == 0
    verified = daytrade("audit", "verify", "--data", stack.data)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "cut back a torn log" in daytrade("audit", "security", "--data", stack.data).stdout
    (torn,) = (kept for kept in path.parent.glob("*.torn-*") if kept.suffix[-1].isdigit())
    assert torn.read_bytes() == content[: len(content) * 2 // 3]
