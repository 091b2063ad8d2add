"""`daytrade audit`: what it prints of a stack's log."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from audit.database import Addition, Database
from audit.security import Outcome, SecurityEvent, encode_event
from daytrade.cli import main

EVENTS = [
    SecurityEvent(2_000, "node-1", "bob", "", "log in", "127.0.0.1:2", Outcome.REFUSED),
    SecurityEvent(1_000, "node-1", "ann", "user", "log in", "127.0.0.1:1", Outcome.DONE),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A stack's directory, as far as the audit log is concerned."""
    (tmp_path / "audit").mkdir()
    database = Database(tmp_path / "audit" / "audit.sqlite")
    database.add([Addition("node-1/security-1", 1, [encode_event(event) for event in EVENTS])])
    database.close()
    return tmp_path


def printed(*words: str) -> list[str]:
    """The lines that a command prints."""
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_security_events_are_told_in_the_order_of_time(data: Path) -> None:
    assert printed("audit", "security", "--data", str(data)) == [
        "1970-01-01T00:00:01.000Z node-1 actor=ann role=user"
        ' action="log in" from=127.0.0.1:1 outcome=done',
        "1970-01-01T00:00:02.000Z node-1 actor=bob"
        ' action="log in" from=127.0.0.1:2 outcome=refused',
    ]


def test_one_actors_events_can_be_told_alone(data: Path) -> None:
    (line,) = printed("audit", "security", "--actor", "bob", "--data", str(data))
    assert "actor=bob" in line


def test_a_directory_without_a_log_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["audit", "security", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "has no audit log" in result.output
