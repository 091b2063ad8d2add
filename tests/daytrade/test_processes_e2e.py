"""Supervised processes for real: a supervisor with PostgreSQL and one more child."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daytrade.conftest import temporary_traversable_dir
from tests.daytrade.process_end import all_end

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with temporary_traversable_dir() as directory:
        yield directory


@pytest.fixture
def driver(directory: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.daytrade.driver_processes", str(directory)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def next_facts(driver: subprocess.Popen[str]) -> dict[str, Any]:
    assert driver.stdout is not None
    line = driver.stdout.readline()
    assert line, "the driver ended; its error output says why"
    facts: dict[str, Any] = json.loads(line)
    return facts


def test_killed_processes_come_back_and_ctrl_c_stops_them_in_order(
    driver: subprocess.Popen[str], directory: Path
) -> None:
    """Ctrl-C reaches a whole process group: only the supervisor may be in it."""
    running = next_facts(driver)
    assert running["exits"] == ["child killed by SIGKILL", f"postgres exit code {128 + 9}"]
    assert all_end(running["killed"])
    family = [*running["supervised"], running["postmaster"]]
    assert [os.getsid(pid) for pid in family] == family
    os.killpg(driver.pid, signal.SIGINT)
    ended = next_facts(driver)
    assert ended["statuses"] == ["exit code 0", "killed by SIGTERM"]
    assert ended["rss_mb_max"]["postgres"] > ended["rss_mb_max"]["child"] > 1.0
    assert driver.wait() == 0
    assert all_end(family)
    assert "database system is shut down" in (directory / "postgres.log").read_text()


def test_kill_9_of_the_supervisor_ends_all_its_processes(driver: subprocess.Popen[str]) -> None:
    running = next_facts(driver)
    driver.kill()
    assert all_end([*running["supervised"], running["postmaster"]])
