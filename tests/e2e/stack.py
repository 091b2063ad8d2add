"""`daytrade` as a person runs it: the command to its end, and the stack until it is stopped.

For the end-to-end tests only. Every child has a session of its own and is ended by its pid.
"""

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from daytrade.errors import NoFreePort
from daytrade.ports import LOOPBACK, FreePorts
from service.credentials import read_credential
from tests.daytrade.process_end import all_end
from tests.e2e.client import Client
from tests.e2e.process_table import processes_of, wait_until

DAYTRADE = str(Path(sys.executable).with_name("daytrade"))
COMMAND_S_MAX = 60.0
_START_S_MAX = 60.0
_PORTS_MAX = 12


def daytrade(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    limit_s: float = COMMAND_S_MAX,
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end."""
    return subprocess.run(
        [DAYTRADE, *map(str, arguments)],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        start_new_session=True,
        text=True,
        timeout=limit_s,
        check=False,
    )


@contextmanager
def started(
    *arguments: str | Path, output: Path, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A command that goes on while the test does; ended with it, if it is still there then."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            [DAYTRADE, *map(str, arguments)],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(COMMAND_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_base_port() -> int:
    """The first of a few ports in a row on which nobody listens."""
    candidates = FreePorts(random.Random(), 13_000, 30_000)
    while True:
        first = candidates.take()
        try:
            FreePorts(random.Random(), first, first + _PORTS_MAX - 1).take_many(_PORTS_MAX)
        except NoFreePort:
            continue
        return first


class RunningStack:
    """`daytrade up`, ready.

    :ivar addresses: what it printed, by the name before it.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", data: Path, output: Path) -> None:
        self.process = process
        self.data = data
        wait_until(
            lambda: "ready" in output.read_text() or process.poll() is not None,
            "the stack is ready",
            _START_S_MAX,
        )
        text = output.read_text()
        assert process.poll() is None, text
        self.addresses = {line[:16].strip(): line[17:] for line in text.splitlines()}

    def port(self, name: str = "node-1") -> int:
        """The port of a part of the stack, as it was printed."""
        return int(self.addresses[name].rpartition(":")[2])

    def secret(self, role: str) -> Path:
        """The file with the name and password of one of the stack's own accounts."""
        return Path(self.addresses["passwords"]) / f"{role}.json"

    def client(self, node: str = "node-1", role: str = "workload") -> Client:
        """A client that is logged in."""
        credential = read_credential(self.secret(role))
        client = Client(self.port(node))
        client.greet()
        assert client.log_in(credential.name, credential.password) == role
        return client

    def tell_double(self, line: str) -> str:
        """Give the quote server's double one command, and return its answer."""
        address = (LOOPBACK, self.port("its control"))
        with socket.create_connection(address, 10.0) as control, control.makefile("rw") as lines:
            lines.write(line + "\n")
            lines.flush()
            return lines.readline().strip()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the command by a signal; return its exit code once nothing of it is left."""
        pids = list(processes_of(self.data))
        self.process.send_signal(number)
        code = self.process.wait(COMMAND_S_MAX)
        assert all_end(pids), processes_of(self.data)
        assert processes_of(self.data) == {}
        return code


@contextmanager
def running_stack(directory: Path, *options: str, nodes: int = 2) -> Iterator[RunningStack]:
    """A stack with its data in `directory`/data; at the end nothing of it is left."""
    data, output = directory / "data", directory / "up.out"
    ports = ("--port", str(free_base_port()), "--metrics-port", "0")
    base = ("up", "--data", data, *ports, "--nodes", str(nodes))
    pids: list[int] = []
    try:
        with started(*base, *options, output=output) as process:
            try:
                yield RunningStack(process, data, output)
            finally:
                pids += processes_of(data)
    finally:
        assert all_end(pids), processes_of(data)
