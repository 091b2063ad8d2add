"""`daytrade workload run --local`: a whole stack for one run, and everything checked at its end."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.logs import read_log
from tests.e2e.process_table import processes_of, wait_until
from tests.e2e.stack import daytrade, started

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

_KEYS = {
    "commands", "accepted", "refused", "unknown", "wall_s", "commands_per_s", "latency_ms",
    "per_command", "legacy_hits", "legacy_hits_minimum", "audit_records", "dumplog_valid",
    "ledger_equals_audit", "processes", "legacy_hits_per_command", "legacy_bill_cents",
    "price_layers",
}  # fmt: skip
_COMMAND_KEYS = {"count", "refused", "mean_ms", "p50_ms", "p99_ms", "total_s"}


def run_locally(
    file: Path, directory: Path, nodes: int, outstanding: int, delay: str
) -> dict[str, Any]:
    """Play a file; return the figures, once the command has called the run good."""
    done = daytrade(
        *("workload", "run", file, "--local", "--json", "-", "--nodes", str(nodes)),
        *("--outstanding", str(outstanding), "--legacy-delay", delay),
        *("--dumplog-dir", directory / "logs"),
        environment={"TMPDIR": str(directory)},
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def commands_in(file: Path) -> Counter[str]:
    """How often each command is in a workload file."""
    lines = file.read_text().splitlines()
    return Counter(line.partition("] ")[2].partition(",")[0].strip() for line in lines)


def check(figures: dict[str, Any], file: Path, directory: Path, nodes: int) -> None:
    """What holds of every run that is good."""
    commands = commands_in(file)
    assert figures.keys() >= _KEYS
    assert figures["latency_ms"].keys() >= {"p50", "p90", "p99", "p999", "max"}
    assert all(each.keys() >= _COMMAND_KEYS for each in figures["per_command"].values())
    assert figures["commands"] == figures["accepted"] + figures["refused"] == commands.total()
    assert figures["unknown"] == 0
    counts = {name: each["count"] for name, each in figures["per_command"].items()}
    assert {name: count for name, count in counts.items() if count} == commands
    assert figures["dumplog_valid"] is figures["ledger_equals_audit"] is True
    assert figures["legacy_hits"] == figures["legacy_hits_minimum"] > 0
    assert figures["legacy_bill_cents"] == 5 * figures["legacy_hits"]
    layers = figures["price_layers"]
    assert layers["L1"]["asked"] >= layers["L1"]["passed_on"] >= layers["L2"]["passed_on"]
    assert layers["L2"]["passed_on"] <= figures["legacy_hits"] <= layers["L2"]["asked"]
    parts = {"generator", "postgres", "legacy-quotes", "audit", "quotes-1", "triggers-1"}
    parts |= {f"node-{number + 1}" for number in range(nodes)}
    assert figures["processes"].keys() >= parts
    records = read_log((directory / "logs" / "testLOG").read_bytes())
    logged = Counter(each.fields["command"] for each in records if each.kind == "userCommand")
    assert logged == commands
    assert [path.name for path in directory.iterdir()] == ["logs"]


@pytest.mark.parametrize(("nodes", "outstanding", "delay"), [(1, 1, "none"), (2, 16, "course")])
def test_the_one_user_file_comes_out_whole(
    one_user_file: Path, directory: Path, nodes: int, outstanding: int, delay: str
) -> None:
    figures = run_locally(one_user_file, directory, nodes, outstanding, delay)
    check(figures, one_user_file, directory, nodes)


def test_many_users_over_two_nodes_come_out_whole(directory: Path) -> None:
    file = directory / "logs" / "workload"
    file.parent.mkdir()
    made = daytrade("workload", "synth", "--users", "50", "--commands", "2000", "-o", file)
    assert made.returncode == 0, made.stderr
    check(run_locally(file, directory, 2, 4, "none"), file, directory, 2)


def test_ctrl_c_in_the_middle_of_a_run_leaves_nothing_behind(directory: Path) -> None:
    file, output = directory / "workload", directory / "output"
    daytrade("workload", "synth", "--users", "10", "--commands", "50000", "-o", file)
    data = directory / "data"
    data.mkdir(mode=0o711)
    data.chmod(0o711)
    with started(
        *("workload", "run", file, "--local"), output=output, environment={"TMPDIR": str(data)}
    ) as run:
        wait_until(lambda: b"commands" in output.read_bytes(), "the run is going on", 60.0)
        run.send_signal(2)
        assert run.wait(60.0) == 130, output.read_text()
    assert b"Traceback" not in output.read_bytes()
    assert processes_of(data) == {}
    assert list(data.iterdir()) == []
