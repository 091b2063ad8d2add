"""Nodes restarted one after the other under load: no command fails, and the log is whole."""

import json
import os
import signal
from pathlib import Path

import pytest

from protocol.messages import Operate, Report
from tests.e2e.process_table import pid_of, wait_until
from tests.e2e.stack import RunningStack, daytrade, running_stack, started

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

COMMANDS, PER_S = 10_000, 500


def test_a_rolling_restart_of_two_nodes_under_the_100_user_size_fails_no_command(
    directory: Path,
) -> None:
    workload, result = directory / "100users", directory / "result.json"
    size = ("--users", "100", "--commands", str(COMMANDS), "--seed", "7")
    daytrade("workload", "synth", *size, "-o", workload)
    with running_stack(directory, "--web-clients", "0") as stack:
        run = (
            *("workload", "run", workload, "--json", result, "--rate", str(PER_S)),
            *("--to", stack.addresses["node-1"], "--to", stack.addresses["node-2"]),
            *("--password-file", stack.secret("administrator")),
        )
        with started(*run, output=directory / "run.out") as process:
            for node in ("node-1", "node-2"):
                wait_until(lambda node=node: trades(stack, node), f"{node} trades")  # type: ignore[misc]
                assert process.poll() is None, "the load ended before the restarts did"
                restart(stack, node)
            assert process.wait(90) == 0, (directory / "run.out").read_text()
        told = json.loads(result.read_text())
        assert told["commands"] == told["accepted"] + told["refused"] == COMMANDS
        assert told["unknown"] == 0
        verified = daytrade("console", "--data", stack.data, "-c", "verify")
        assert "findings  0" in verified.stdout, verified.stderr


def restart(stack: RunningStack, node: str) -> None:
    """End a node in order, and wait until its supervisor has another one ready."""
    announced = stack.data / "run" / node / "announce"
    before = pid_of(stack.data, "trade-server", node)
    assert before is not None
    os.kill(before, signal.SIGTERM)
    wait_until(
        lambda: (
            pid_of(stack.data, "trade-server", node) not in (None, before) and announced.exists()
        ),
        f"{node} is back",
        30.0,
    )


def trades(stack: RunningStack, node: str) -> bool:
    """Whether somebody with commands is connected to a node."""
    with stack.client(node, "administrator") as client:
        report = client.ask(Operate("sessions", [], "test"))
        assert isinstance(report, Report)
        sessions = json.loads(report.document)
        return [each["name"] for each in sessions].count("administrator") > 1
