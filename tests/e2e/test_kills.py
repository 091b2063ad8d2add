"""Parts of the stack are killed in the middle of a run: nothing is lost, nothing done twice."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.reading import read_entries
from daytrade.embedded_postgres import EmbeddedPostgres
from protocol.errors import Code
from protocol.messages import Add, Drain, Error, QuoteRequest
from tests.daytrade.conftest import temporary_traversable_dir
from tests.daytrade.process_end import all_end
from tests.e2e.process_table import pid_of, processes_of, wait_until
from tests.e2e.stack import RunningStack, daytrade, running_stack, started

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

_COMMANDS = 3_000
_BEFORE_THE_KILL = 300


@pytest.fixture(scope="module")
def workload() -> Iterator[Path]:
    with temporary_traversable_dir() as directory:
        file = directory / "workload"
        made = daytrade(
            *("workload", "synth", "--users", "10", "--commands", str(_COMMANDS), "-o", file)
        )
        assert made.returncode == 0, made.stderr
        yield file


@pytest.fixture(scope="module")
def fragile_stack() -> Iterator[RunningStack]:
    with temporary_traversable_dir() as directory, running_stack(directory) as stack:
        yield stack


def entries(stack: RunningStack) -> int:
    """How many decisions the audit daemon has stored so far."""
    return sum(1 for _ in read_entries(stack.data / "audit" / "audit.sqlite"))


_VICTIMS = {
    "a node": (signal.SIGKILL, ("--name", "node-1")),
    "the audit daemon": (signal.SIGKILL, ("trade-audit",)),
    "a quote proxy": (signal.SIGKILL, ("--name", "quotes-1")),
    "the active trigger service": (signal.SIGKILL, ("--name", "triggers-1")),
    "Postgres": (signal.SIGKILL, ()),
    "a node told to stop": (signal.SIGTERM, ("--name", "node-2")),
}


def victim_pid(stack: RunningStack, words: tuple[str, ...]) -> int | None:
    """The process with these words on its command line; without words, Postgres's first one."""
    if words:
        return pid_of(stack.data, *words)
    return EmbeddedPostgres(stack.data / "postgres").postmaster_pid


@pytest.mark.parametrize(("number", "words"), _VICTIMS.values(), ids=_VICTIMS.keys())
def test_a_run_goes_on_when_a_part_is_killed_and_started_again(
    fragile_stack: RunningStack,
    workload: Path,
    directory: Path,
    number: signal.Signals,
    words: tuple[str, ...],
) -> None:
    stack, figures = fragile_stack, directory / "figures"
    entries_before = entries(stack)
    nodes = {pid_of(stack.data, "--name", name) for name in ("node-1", "node-2")}
    with started(
        *("workload", "run", workload, "--outstanding", "2", "--json", figures),
        *("--to", stack.addresses["node-1"], "--to", stack.addresses["node-2"]),
        *("--password-file", stack.secret("administrator")),
        output=directory / "output",
    ) as run:
        wait_until(lambda: entries(stack) > entries_before + _BEFORE_THE_KILL, "it is going on")
        pid = victim_pid(stack, words)
        assert pid is not None
        os.kill(pid, number)
        assert entries(stack) < entries_before + _COMMANDS, "the run was over too soon"
        assert all_end([pid])
        assert run.wait(60.0) == 0, (directory / "output").read_text()
    counts = json.loads(figures.read_text())
    assert (counts["commands"], counts["unknown"]) == (_COMMANDS, 0)
    assert nodes - {pid} <= processes_of(stack.data).keys(), "a node did not go on by itself"
    wait_until(lambda: victim_pid(stack, words) not in (None, pid), "it is there again")


def test_a_node_that_drains_takes_nothing_new(fragile_stack: RunningStack, workload: Path) -> None:
    """It waits for a price that does not come, so that it drains for as long as this test needs."""
    stack = fragile_stack
    pid = pid_of(stack.data, "--name", "node-1")
    assert pid is not None
    stack.tell_double("fault hang")
    with stack.client("node-1") as client:
        client.say(QuoteRequest("anna", 1, "WAI"), b"waits for ever..")
        client.ask(Add("ben", 1, 1_00))
        os.kill(pid, signal.SIGTERM)
        _, drain = client.hear()
        assert isinstance(drain, Drain)
        refusal = client.ask(Add("ben", 2, 1_00))
        assert isinstance(refusal, Error)
        assert refusal.code == Code.DRAINING
        done = daytrade(
            *("workload", "run", workload, "--to", stack.addresses["node-1"]),
            *("--password-file", stack.secret("administrator")),
        )
    assert pid in processes_of(stack.data), "it was drained too soon to tell"
    os.kill(pid, signal.SIGKILL)
    stack.tell_double("fault none")
    assert done.returncode == 1
    assert "no node can be used: Connection was refused" in done.stderr


def is_ready(stack: RunningStack, node: str) -> bool:
    """Whether a node has announced itself since its last start."""
    return (stack.data / "run" / node / "announce").exists()


_EVERY_SERVICE = (
    ("--name", "node-1"),
    ("--name", "quotes-1"),
    ("--name", "triggers-1"),
    ("trade-audit",),
    ("legacy-quotes",),
)


def test_whatever_hangs_is_replaced(fragile_stack: RunningStack) -> None:
    """All of them at once: each is asked for its health by itself, and none can answer."""
    stack = fragile_stack

    def those_there() -> list[int]:
        pids = [victim_pid(stack, words) for words in _EVERY_SERVICE]
        return [pid for pid in pids if pid is not None]

    def are_all_there() -> bool:
        return len(those_there()) == len(_EVERY_SERVICE) and is_ready(stack, "node-1")

    wait_until(are_all_there, "everything is there again")
    hung = those_there()
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)

    def are_replaced() -> bool:
        return are_all_there() and not set(those_there()) & set(hung)

    wait_until(are_replaced, "another one is in the place of each")


def test_what_stood_still_for_a_moment_goes_on_and_tells_for_how_long(
    fragile_stack: RunningStack,
) -> None:
    """Frozen whole, it may go on before the timer that would tell the stack."""
    stack = fragile_stack
    wait_until(lambda: is_ready(stack, "node-2"), "it is there again")
    pid = pid_of(stack.data, "--name", "node-2")
    assert pid is not None
    log = stack.data / "logs" / "node-2.log"
    told_before = log.read_text().count("stood still for")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(2.0)
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: log.read_text().count("stood still for") > told_before, "how long")
    assert pid_of(stack.data, "--name", "node-2") == pid


def test_after_all_that_the_log_is_whole_and_equal_to_the_ledger(
    fragile_stack: RunningStack,
) -> None:
    assert fragile_stack.stop() == 0
    verified = daytrade("audit", "verify", "--data", fragile_stack.data)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "the log is whole, valid by the schema, and equal to the ledger" in verified.stdout
