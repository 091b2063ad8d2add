"""The whole-file benchmark and that of the collector, each in its shortest form."""

import subprocess
import sys

import pytest


@pytest.mark.e2e
def test_a_small_file_is_played_beside_pgbench_and_its_log_is_true() -> None:
    size = ["--rounds", "1", "--users", "5", "--commands", "300", "--pgbench-seconds", "1"]
    command = [sys.executable, "-m", "benchmarks.whole_file", *size]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "round 1:" in run.stdout
    assert "median" in run.stdout


def test_the_collector_is_watched_under_both_settings() -> None:
    size = ["--users", "10", "--outstanding", "2", "--turns", "3", "--rounds", "1"]
    command = [sys.executable, "-m", "benchmarks.gc_pauses", *size]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["Python's own", "ours"]
