"""`daytrade up`: whatever ends it, nothing of it is left; what it kept is there the next time."""

import re
import signal
from pathlib import Path
from uuid import uuid4

import pytest

from protocol.messages import Add, Receipt
from tests.daytrade.process_end import all_end
from tests.e2e.client import Client
from tests.e2e.process_table import processes_of
from tests.e2e.stack import RunningStack, daytrade, free_base_port, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


def test_an_account_outlives_kill_9_and_two_times_ctrl_c_and_the_log_tells_it(
    directory: Path,
) -> None:
    """The second Ctrl-C comes while the first one still stops the stack in order."""
    user = f"user-{uuid4().hex}"
    with running_stack(directory) as stack:
        with stack.client() as client:
            assert isinstance(client.ask(Add(user, 1, 12_34)), Receipt)
        assert stack.stop(signal.SIGKILL) == -signal.SIGKILL
    with running_stack(directory, nodes=1) as stack:
        with stack.client() as client:
            assert client.summary(user).cash_cents == 12_34
        pids = list(processes_of(stack.data))
        stack.process.send_signal(signal.SIGINT)
        assert stack.stop(signal.SIGINT) == 0
        assert all_end(pids)
    assert "database system is shut down" in (stack.data / "logs" / "postgres.log").read_text()
    verified = daytrade("audit", "verify", "--data", stack.data)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    dumped = daytrade("audit", "dump", "--data", stack.data, "--user", user, "-")
    assert dumped.stdout.count("<funds>12.34</funds>") == 2


def test_a_directory_in_use_is_named_and_left_alone(stack: RunningStack, client: Client) -> None:
    for command in (("up", "--port", str(free_base_port())), ("audit", "verify")):
        done = daytrade(*command, "--data", stack.data)
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert line.startswith(f"daytrade: {stack.data} is in use by pid {stack.process.pid}")
    assert isinstance(client.ask(Add("anna", 1, 1)), Receipt)


def test_a_port_in_use_is_named_and_nothing_is_left(
    stack: RunningStack, client: Client, directory: Path
) -> None:
    """Every port that the other stack wants is taken; it names the one that it wanted first."""
    first = str(stack.port("node-1"))
    done = daytrade("up", "--port", first, environment={"TMPDIR": str(directory)})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    named = re.search(r"Couldn't listen on 127.0.0.1:(\d+): ", done.stderr.splitlines()[-1])
    assert named is not None
    assert stack.port("node-1") <= int(named[1]) <= stack.port("its control")
    assert processes_of(directory) == {}
    assert list(directory.iterdir()) == []
    assert isinstance(client.ask(Add("anna", 2, 1)), Receipt)


_HOPELESS = {
    "a database that is away": (
        ("up", "--database", "host=/nonexistent"),
        "daytrade: Postgres cannot be reached: ",
    ),
    "a database that is none": (("up", "--database", "nonsense"), "daytrade: Postgres cannot be"),
    "a quote server that is none": (
        ("up", "--legacy", "nonsense"),
        "daytrade: --legacy: not an endpoint like tcp:127.0.0.1:12100: ",
    ),
    "a directory that cannot be": (
        ("up", "--data", "/proc/nonexistent"),
        "daytrade: [Errno 2] No such file or directory: '/proc/nonexistent'",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), _HOPELESS.values(), ids=_HOPELESS.keys())
def test_what_cannot_be_started_is_told_in_a_sentence(
    directory: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = daytrade(
        *arguments, "--port", str(free_base_port()), environment={"TMPDIR": str(directory)}
    )
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert list(directory.iterdir()) == []


def test_an_endpoint_that_is_none_is_told_before_a_run(
    stack: RunningStack, one_user_file: Path
) -> None:
    done = daytrade(
        *("workload", "run", one_user_file, "--to", "nonsense"),
        *("--password-file", stack.secret("workload")),
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("daytrade: --to: not an endpoint like tcp:127.0.0.1:12100: ")
