"""A command on a leash ends with whoever holds the leash."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import daytrade.leash
from tests.daytrade.process_end import all_end

pytestmark = pytest.mark.e2e

LEASH = [sys.executable, "-I", "-S", str(Path(daytrade.leash.__file__))]
WAIT = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + WAIT
ENDS_ON_INT = "import signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(7));" + WAIT
HOLD_LEASH = """
import signal, subprocess, sys
leash = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
signal.pause()
"""
LEAVES_ONE_BEHIND = """
import subprocess, sys
linger = [sys.executable, "-c", "import time; time.sleep(0.3)"]
print(subprocess.Popen(linger, start_new_session=True).pid, flush=True)
raise SystemExit(3)
"""


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def on_leash(program: str, *options: str) -> list[str]:
    return [*LEASH, *options, "--", sys.executable, "-c", program]


def first_line(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def test_the_exit_code_is_passed_on() -> None:
    with started(on_leash("raise SystemExit(5)")) as leash:
        assert leash.wait() == 5


def test_death_by_a_signal_is_passed_on_as_shells_do() -> None:
    with started(on_leash(WAIT)) as leash:
        os.kill(first_line(leash), signal.SIGKILL)
        assert leash.wait() == 128 + signal.SIGKILL


def test_the_end_of_its_input_sends_the_chosen_signal() -> None:
    with started(on_leash(ENDS_ON_INT, "--signal", "INT")) as leash:
        first_line(leash)
        assert leash.stdin is not None
        leash.stdin.close()
        assert leash.wait() == 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_leash_sends_the_chosen_signal(number: signal.Signals) -> None:
    with started(on_leash(ENDS_ON_INT, "--signal", "INT")) as leash:
        first_line(leash)
        leash.send_signal(number)
        assert leash.wait() == 7


def test_a_command_that_ignores_the_signal_is_killed_after_the_grace_time() -> None:
    with started(on_leash(STUBBORN, "--grace-s", "0.1")) as leash:
        first_line(leash)
        leash.terminate()
        assert leash.wait() == 128 + signal.SIGKILL


def test_the_command_has_a_session_of_its_own() -> None:
    """So that a Ctrl-C at the terminal does not reach it."""
    with started(on_leash(WAIT)) as leash:
        pid = first_line(leash)
        assert os.getsid(pid) == pid


def test_kill_9_of_whoever_holds_the_leash_ends_the_command() -> None:
    with started([sys.executable, "-c", HOLD_LEASH, *on_leash(WAIT)]) as holder:
        pid = first_line(holder)
        holder.kill()
        assert all_end([pid])


def test_kill_9_of_the_leash_itself_ends_the_command() -> None:
    with started(on_leash(WAIT)) as leash:
        pid = first_line(leash)
        leash.kill()
        assert all_end([pid])


def test_the_leash_outwaits_what_the_command_left_behind() -> None:
    """A new server must not start while backends of the last one are still alive."""
    with started(on_leash(LEAVES_ONE_BEHIND)) as leash:
        orphan = first_line(leash)
        assert leash.wait() == 3
        assert not Path(f"/proc/{orphan}").exists()


def test_a_program_that_does_not_exist_is_reported() -> None:
    result = subprocess.run(
        [*LEASH, "--", "/no/such/program"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert result.returncode == 127
    assert "/no/such/program cannot be started" in result.stderr
