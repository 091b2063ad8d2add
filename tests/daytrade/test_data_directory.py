"""The layout, lock and secrets of a stack's directory."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from daytrade.data_directory import (
    STACK_ACCOUNTS,
    DataDirectory,
    TemporaryDataDirectory,
)
from daytrade.errors import DirectoryInUse, ForeignDirectory

HOLD_DIRECTORY = """
import sys
from pathlib import Path
from daytrade.data_directory import DataDirectory
with DataDirectory(Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_in_the_directory_is_closed_to_other_users(tmp_path: Path) -> None:
    """Only the way to PostgreSQL's files may be walked, and only when root starts the stack."""
    way = 0o711 if os.geteuid() == 0 else 0o700
    with DataDirectory(tmp_path / "stack") as directory:
        assert mode_of(directory.path) == way
        assert mode_of(directory.postgres_dir) == way
        closed = (
            directory.audit_dir,
            directory.run_dir,
            directory.logs_dir,
            directory.secrets_dir,
            directory.process_dir("node-1"),
        )
        assert {mode_of(path) for path in closed} == {0o700}
        assert mode_of(directory.path / "lock") == 0o600


@pytest.mark.e2e
def test_a_directory_held_by_another_process_names_that_process(tmp_path: Path) -> None:
    """And is free again at once when that process is killed."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_DIRECTORY, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == b"open\n"
        with pytest.raises(DirectoryInUse, match=f"in use by pid {holder.pid};") as caught:
            DataDirectory(tmp_path).open()
        assert caught.value.pid == holder.pid
    finally:
        holder.kill()
        holder.communicate()
    DataDirectory(tmp_path).open()


def test_a_failed_open_leaves_the_holder_its_lock(tmp_path: Path) -> None:
    with DataDirectory(tmp_path):
        for _ in range(2):
            with pytest.raises(DirectoryInUse, match=f"pid {os.getpid()};"):
                DataDirectory(tmp_path).open()


def test_a_closed_directory_can_be_opened_again(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    for _ in range(2):
        directory.open()
        directory.close()
    directory.close()


def test_a_directory_of_somebody_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    tmp_path.chmod(0o750)
    with pytest.raises(ForeignDirectory, match="not a daytrade directory"):
        DataDirectory(tmp_path).open()
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]
    assert mode_of(tmp_path) == 0o750


def test_a_directory_of_another_version_is_refused(tmp_path: Path) -> None:
    with DataDirectory(tmp_path):
        pass
    (tmp_path / "version").write_text("99\n")
    with pytest.raises(ForeignDirectory, match="version 99"):
        DataDirectory(tmp_path).open()


def test_a_password_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    with DataDirectory(tmp_path) as directory:
        first = {name: directory.credentials(name) for name in STACK_ACCOUNTS}
    with DataDirectory(tmp_path) as directory:
        again = {name: directory.credentials(name) for name in STACK_ACCOUNTS}
        assert {mode_of(directory.credentials_path(name)) for name in STACK_ACCOUNTS} == {0o600}
        file = msgspec.json.decode(directory.credentials_path("node").read_bytes())
    assert first == again
    assert file == {"name": "node", "password": first["node"].password, "role": "node"}
    assert len({account.password for account in first.values()}) == len(STACK_ACCOUNTS)
    assert all(len(account.password) >= 40 for account in first.values())


def test_a_temporary_directory_is_gone_after_close(tmp_path: Path) -> None:
    with TemporaryDataDirectory(tmp_path) as directory:
        directory.credentials("node")
        assert directory.path.parent == tmp_path
    assert list(tmp_path.iterdir()) == []
