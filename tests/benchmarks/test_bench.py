"""`daytrade bench` in its shortest form: real stack, real pgbench, all figures, and a true log."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = [sys.executable, "-m", "daytrade.cli", "bench"]


@pytest.mark.e2e
def test_a_short_run_tells_all_figures_and_leaves_a_true_log(tmp_path: Path) -> None:
    json_path = tmp_path / "bench.json"
    options = ["--rounds", "1", "--seconds", "1", "--pgbench-seconds", "1", "--warm-up", "0.5"]
    loads = ["--load", "20,2,2", "--load", "20,1,1,0.5"]
    command = [*BENCH, *options, *loads, "--anyhow", "--json", str(json_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads(json_path.read_text())
    assert told["ledger_equals_audit"] is True
    assert told["unknown"] == 0
    assert told["commands"] == told["accepted"] + told["refused"] > 0
    assert [each["load"]["rate_share"] for each in told["loads"]] == [None, 0.5]
    for load in told["loads"]:
        [played] = load["rounds"]
        assert played["commands"] > 0
        assert played["failed"] == 0
        assert played["audit_drain_s"] is not None
        assert played["times_pgbench"] > 0
        assert {"node-1", "postgres", "audit", "client-1"} <= played["cpu_us"].keys()


@pytest.mark.parametrize("load", ["", "10", "10,1,0", "10,1,99", "a,b,c", "1,2,3,4,5"])
def test_a_load_that_makes_no_sense_is_refused(load: str) -> None:
    run = subprocess.run([*BENCH, "--load", load], capture_output=True, text=True, timeout=60)
    assert run.returncode == 2
    assert "USERS,OUTSTANDING,NODES" in run.stderr
