"""The embedded PostgreSQL, for real: it starts, survives crashes and never outlives its owner."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from daytrade.embedded_postgres import EmbeddedPostgres
from daytrade.errors import DirectoryUnreachable, PostgresFailed, PostgresRunning
from daytrade.postgres_program import wheel_installation
from tests.daytrade.conftest import temporary_traversable_dir
from tests.daytrade.process_end import all_end

pytestmark = pytest.mark.postgres

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a second user")

START_AND_HOLD = """
import signal, sys
from pathlib import Path
from daytrade.embedded_postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
postgres.start()
print(postgres.postmaster_pid, flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """One cluster for the tests that leave it whole, because making one takes a second."""
    with temporary_traversable_dir() as directory:
        yield directory / "postgres"


def ask(postgres: EmbeddedPostgres, sql: str) -> list[tuple[object, ...]]:
    """Run one statement in a connection of its own and return its rows, if it has any."""
    connection = psycopg2.connect(postgres.dsn)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def postmaster(postgres: EmbeddedPostgres) -> int:
    pid = postgres.postmaster_pid
    assert pid is not None
    return pid


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_server_is_durable_private_and_ends_without_a_trace(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as postgres:
        assert ask(postgres, "SELECT current_database(), 1") == [("daytrade", 1)]
        durable = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums")
        assert {ask(postgres, f"SHOW {name}")[0][0] for name in durable} == {"on"}
        assert ask(postgres, "SHOW server_encoding") == [("UTF8",)]
        assert ask(postgres, "SHOW listen_addresses") == [("",)]
        assert stat.S_IMODE(postgres.socket_dir.stat().st_mode) == 0o700
        pid = postmaster(postgres)
        family = [parent_of(pid), pid, *children_of(pid)]
        assert len(family) > 3
    assert [member for member in family if Path(f"/proc/{member}").exists()] == []
    assert postgres.postmaster_pid is None and not postgres.is_ready()


def test_a_second_server_on_the_same_directory_is_refused(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as postgres:
        second = EmbeddedPostgres(data_dir)
        with pytest.raises(PostgresRunning, match=f"as pid {postmaster(postgres)};"):
            second.start()
        second.stop()
        assert second.dsn == postgres.dsn
        assert ask(second, "SELECT 1") == [(1,)]


def test_what_was_committed_survives_kill_9_of_the_server(data_dir: Path) -> None:
    postgres = EmbeddedPostgres(data_dir)
    with postgres:
        ask(postgres, "CREATE TABLE receipt AS SELECT 42 AS number")
        os.kill(postmaster(postgres), signal.SIGKILL)
    with postgres:
        assert ask(postgres, "SELECT number FROM receipt") == [(42,)]


def test_a_crashed_servers_pid_may_belong_to_another_process_by_now(data_dir: Path) -> None:
    postgres = EmbeddedPostgres(data_dir)
    postgres.prepare()
    owner = pwd.getpwuid(postgres.cluster_dir.stat().st_uid).pw_name
    stranger = subprocess.Popen(
        ["sleep", "600"], cwd="/", user=owner if os.geteuid() == 0 else None
    )
    try:
        pid_file = postgres.cluster_dir / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{postgres.cluster_dir}\n1\n5432\n\n\n1 1\nready\n")
        assert not postgres.is_ready()
        with postgres:
            assert ask(postgres, "SELECT 1") == [(1,)]
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("victim", ["owner", "leash"])
def test_kill_9_of_its_owner_or_its_leash_ends_the_server(data_dir: Path, victim: str) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", START_AND_HOLD, str(data_dir)], stdout=subprocess.PIPE
    )
    try:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        leash = parent_of(pid)
        family = [leash, pid, *children_of(pid)]
        os.kill(owner.pid if victim == "owner" else leash, signal.SIGKILL)
        assert all_end(family[1:])
    finally:
        owner.kill()
        owner.communicate()
    assert "database system is shut down" in EmbeddedPostgres(data_dir).log_path.read_text()


@pytest.mark.parametrize("name", ["long" * 25, "with,comma"])
def test_a_path_that_no_address_can_hold_gets_its_socket_in_tmp(name: str) -> None:
    assert EmbeddedPostgres(Path("/srv") / name).socket_dir.parent == Path("/tmp")
    assert EmbeddedPostgres(Path("/srv/short")).socket_dir == Path("/srv/short/socket")


def test_a_server_with_its_socket_in_tmp_can_be_reached(traversable_dir: Path) -> None:
    postgres = EmbeddedPostgres(traversable_dir / ("long" * 25))
    try:
        with postgres:
            assert ask(postgres, "SELECT 1") == [(1,)]
    finally:
        shutil.rmtree(postgres.socket_dir)


def test_a_socket_folder_that_somebody_else_made_is_refused(traversable_dir: Path) -> None:
    postgres = EmbeddedPostgres(traversable_dir)
    postgres.socket_dir.symlink_to("/var")
    with pytest.raises(PostgresFailed, match="not the server's own private folder"):
        postgres.prepare()


def test_a_cluster_cut_off_in_the_making_is_made_again(traversable_dir: Path) -> None:
    (traversable_dir / "cluster.new").mkdir()
    (traversable_dir / "cluster.new" / "PG_VERSION").write_text("18\n")
    postgres = EmbeddedPostgres(traversable_dir)
    postgres.prepare()
    assert (postgres.cluster_dir / "postgresql.conf").exists()


def test_a_failed_start_shows_the_end_of_the_servers_log(data_dir: Path) -> None:
    postgres = EmbeddedPostgres(data_dir, settings={"shared_buffers": "a lot"})
    with pytest.raises(PostgresFailed, match='(?s)server.log.*"shared_buffers": "a lot"'):
        postgres.start()
    assert postgres.postmaster_pid is None


@as_root
def test_programs_that_the_system_user_cannot_reach_are_copied(
    data_dir: Path, traversable_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a checkout below /root, which stays closed."""
    closed = traversable_dir / "closed"
    closed.mkdir(mode=0o700)
    (closed / "installation").symlink_to(wheel_installation())
    monkeypatch.setattr(
        "daytrade.postgres_program.wheel_installation", lambda: closed / "installation"
    )
    with EmbeddedPostgres(data_dir) as postgres:
        assert ask(postgres, "SELECT 1") == [(1,)]
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_a_directory_below_a_closed_folder_is_refused_and_left_closed(
    traversable_dir: Path,
) -> None:
    home = traversable_dir / "home"
    home.mkdir(mode=0o700)
    with pytest.raises(DirectoryUnreachable, match=f"{home} is closed to others"):
        EmbeddedPostgres(home / "postgres").start()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_the_wheels_other_programs_can_be_had(data_dir: Path) -> None:
    pgbench = EmbeddedPostgres(data_dir).binary("pgbench")
    version = subprocess.run([pgbench, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("pgbench (PostgreSQL)")
