"""Each systemd unit's own command, run as systemd would: it says when it is ready, lives, stops."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.stack import COMMAND_S_MAX, RunningStack
from tests.source_tree import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
ANY_PORT = "--listen tcp:0:interface=127.0.0.1"
WATCHDOG_US = 300_000
PATIENCE_S = 30.0


def options(stack: RunningStack, directory: Path) -> dict[str, str]:
    """What the environment file of each service would say here."""
    at = stack.addresses
    secrets = Path(at["passwords"])
    audit = f"--audit {at['audit']} --credential {secrets / 'node.json'}"
    database = f"--database {shlex.quote(at['Postgres'])}"
    prices = f"--quotes quotes-1={at['quotes-1']} --legacy {at['legacy quotes']}"
    accept = f"--accept {secrets / 'accept.json'}"
    return {
        "trade-audit": f"{accept} --store {directory / 'audit.sqlite'}",
        "trade-quotes": f"{accept} --legacy {at['legacy quotes']} {audit}",
        "trade-triggers": f"{database} {prices} {audit}",
        "trade-server": f"{database} {prices} {audit}",
        "trade-web": (
            f"{database} --nodes node-1={at['node-1']} --audit {at['audit']}"
            f" --credential {secrets / 'workload.json'} --audit-credential {secrets / 'node.json'}"
        ),
        "trade-console": (
            f"{audit} --daemons node-1={at['node-1']} --accept {secrets / 'console.json'}"
            f" --operator {secrets / 'operator.json'}"
            f" --administrator {secrets / 'administrator.json'}"
        ),
    }


@contextmanager
def started(
    unit: Path, stack: RunningStack, directory: Path, manager: socket.socket
) -> Iterator["subprocess.Popen[bytes]"]:
    """The unit's main process, as the instance 9, told of a service manager and its watchdog."""
    (start,) = re.findall(r"^ExecStart=(.*)$", unit.read_text("utf-8"), re.MULTILINE)
    command = start.replace("/opt/daytrade/bin", str(Path(sys.executable).parent))
    command = command.replace("%i", "9")
    service = next(word for word in command.split() if word.startswith("trade-"))
    given = f"{ANY_PORT} {options(stack, directory)[service]}"
    notify = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": str(WATCHDOG_US)}
    with (directory / "service.log").open("wb") as log:
        process = subprocess.Popen(
            shlex.split(command.replace("$OPTIONS", given)),
            env={**os.environ, **notify},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_tells_the_service_manager_of_its_life(
    unit: Path, stack: RunningStack, directory: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(directory / "notify"))
        manager.settimeout(PATIENCE_S)
        with started(unit, stack, directory, manager) as process:
            heard = [manager.recv(100).decode() for _ in range(3)]
            assert heard == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
            process.send_signal(signal.SIGTERM)
            while (word := manager.recv(100).decode()) == "WATCHDOG=1":
                pass
            assert word == "STOPPING=1"
            # twistd ends in order and then by the signal that it got: a clean end for systemd.
            assert process.wait(COMMAND_S_MAX) == -signal.SIGTERM
            assert "Server Shut Down." in (directory / "service.log").read_text()
