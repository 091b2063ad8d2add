"""What a restore may be asked to go back to, and from which backup it then starts."""

from pathlib import Path
from uuid import UUID

import pytest

from daytrade.backup import Backups, NoBackup
from daytrade.embedded_postgres import EmbeddedPostgres
from daytrade.restore import Target

COMMAND_ID = UUID("00112233-4455-6677-8899-aabbccddeeff")


@pytest.mark.parametrize("text", [str(COMMAND_ID), COMMAND_ID.hex])
def test_a_uuid_is_a_command(text: str) -> None:
    assert Target.parse(text) == Target(command_id=COMMAND_ID)


@pytest.mark.parametrize(
    "text", ["2026-11-25T01:30:00.250", "2026-11-25 02:30:00.250+01:00", "2026-11-25T01:30:00.250Z"]
)
def test_a_time_is_of_utc_unless_it_says_another_zone(text: str) -> None:
    assert Target.parse(text) == Target(at_ms=1_795_570_200_250)


def test_latest_is_all_that_there_is() -> None:
    assert Target.parse("latest") == Target()


@pytest.mark.parametrize("text", ["", "yesterday", "12"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Target.parse(text)


def test_the_newest_backup_that_is_older_than_the_moment_is_taken(tmp_path: Path) -> None:
    backups = Backups(EmbeddedPostgres(tmp_path))
    for ms in (9, 200, 1000):
        (tmp_path / "backups" / f"base-{ms}").mkdir(parents=True)
    assert backups.newest_before(1000).ended_ms == 200
    assert backups.newest_before(None).ended_ms == 1000
    with pytest.raises(NoBackup, match="daytrade backup"):
        backups.newest_before(9)
