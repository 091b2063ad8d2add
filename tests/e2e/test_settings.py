"""Limits from a settings file, seen on a running stack: at a node's port, and at the console."""

import shutil
from collections.abc import Iterator

import pytest

from protocol.errors import Code
from protocol.messages import DumpLog, Error
from service.credentials import read_credential
from tests.daytrade.conftest import temporary_traversable_dir
from tests.e2e.client import Client, HungUp
from tests.e2e.process_table import wait_until
from tests.e2e.stack import RunningStack, daytrade, running_stack
from tests.e2e.telnet import PROMPT, telnet
from tests.e2e.test_web_api import PASSWORD, sign_up

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

SETTINGS = """
[limits]
outstanding_max = 77
log_in_s = 1
log_in_tries = 2
user_dumplogs_per_s = 0.001
user_dumplogs_burst = 2
[console]
idle_s = 3
tries_free = 2
delay_s = 1
delay_s_max = 1
"""


@pytest.fixture(scope="module")
def strict() -> Iterator[RunningStack]:
    """A stack with limits that are soon met."""
    with temporary_traversable_dir() as directory:
        file = directory / "daytrade.toml"
        file.write_text(SETTINGS)
        with running_stack(directory, "--config", str(file), nodes=1) as stack:
            yield stack


def test_a_node_tells_and_keeps_the_limits_of_the_file(strict: RunningStack) -> None:
    with Client(strict.port()) as client:
        assert client.greet().outstanding_max == 77
        for _ in range(2):
            assert isinstance(client.log_in("nobody", "a guess"), Error)
        with pytest.raises(HungUp):
            client.hear()


def test_who_does_not_log_in_in_time_is_let_go(strict: RunningStack) -> None:
    with Client(strict.port()) as client:
        client.greet()
        _, farewell = client.hear()
        assert isinstance(farewell, Error)
        assert farewell.code == Code.TOO_SLOW
        assert farewell.message == "log in within 1 s"


def test_a_user_may_ask_for_the_log_so_often_and_is_told_to_slow_down(
    strict: RunningStack,
) -> None:
    user = sign_up(strict.addresses["web-1"])
    with Client(strict.port()) as client:
        client.greet()
        assert client.log_in(user, PASSWORD) == "user"
        for _ in range(2):
            assert client.dumplog(user).startswith(b"<?xml")
        refusal = client.ask(DumpLog(user, 1, "log"))
        assert isinstance(refusal, Error)
        assert refusal.code == Code.SLOW_DOWN
        assert "you ask for the log too often: wait" in refusal.message
        assert client.summary(user).cash_cents == 1_000_00


@pytest.mark.skipif(shutil.which("telnet") is None, reason="no telnet client here")
class TestConsole:
    def test_guesses_wait_and_the_security_log_says_so(self, strict: RunningStack) -> None:
        known = read_credential(strict.secret("operator"))
        with telnet(strict.port("console")) as guesser:
            for _ in range(2):
                guesser.log_in(known.name, "a guess")
                guesser.see("Authentication failed")
            guesser.log_in(known.name, known.password)
            guesser.see(PROMPT)

        def waited() -> list[str]:
            return [line for line in security_log(strict) if "the next try waits 1 s" in line]

        wait_until(lambda: bool(waited()), "the security log has it")
        assert f"actor={known.name}" in waited()[0]
        assert "outcome=refused" in waited()[0]

    def test_who_types_nothing_is_logged_out(self, strict: RunningStack) -> None:
        known = read_credential(strict.secret("administrator"))
        with telnet(strict.port("console")) as idle:
            idle.log_in(known.name, known.password)
            idle.see(PROMPT)
            idle.see("logged out: nothing was typed for a while")
            idle.see("closed")


def test_log_ins_to_the_audit_daemon_are_in_the_security_log(strict: RunningStack) -> None:
    def logged_in() -> list[str]:
        return [
            line
            for line in security_log(strict)
            if " audit actor=" in line and 'action="log in"' in line
        ]

    wait_until(lambda: any("actor=node" in line for line in logged_in()), "nodes are in it")
    assert daytrade("console", "--data", strict.data, "-c", "audit").returncode == 0
    wait_until(
        lambda: any("role=administrator" in line for line in logged_in()), "the console is in it"
    )


def security_log(stack: RunningStack) -> list[str]:
    """What the security log tells so far."""
    return daytrade("audit", "security", "--data", stack.data).stdout.splitlines()
