"""The operators' console of a running stack: by a real telnet client, and for scripts."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from protocol.messages import Add, Buy, Receipt
from service.credentials import read_credential
from tests.e2e.client import Client
from tests.e2e.process_table import wait_until
from tests.e2e.stack import RunningStack, daytrade
from tests.e2e.telnet import PROMPT, TelnetClient, telnet

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

needs_telnet = pytest.mark.skipif(shutil.which("telnet") is None, reason="no telnet client here")


@pytest.fixture
def operator(stack: RunningStack) -> Iterator[TelnetClient]:
    """An operator at the console."""
    known = read_credential(stack.secret("operator"))
    with telnet(stack.port("console")) as client:
        client.log_in(known.name, known.password)
        client.see(PROMPT)
        yield client


def console(stack: RunningStack, *words: str) -> str:
    """What `daytrade console` prints."""
    done = daytrade("console", "--data", stack.data, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_telnet
def test_each_verb_answers_a_telnet_client(
    operator: TelnetClient, client: Client, user: str, symbol: str
) -> None:
    command_id = uuid4().bytes
    assert isinstance(client.ask(Buy(user, 1, symbol, 500_00), command_id), Receipt)
    expected = {
        "status": "node-2",
        "users": "cash",
        f"user {user}": "BUY",
        "sessions node-1": "workload",
        "quotes quotes-1": symbol,
        f"quote {symbol}": "quotes-1",
        "triggers": "armed",
        "legacy": "closed",
        "audit": "node-1/0",
        "verify": "findings  0",
        f"trace {command_id.hex()}": "audited",
        "log node-1 reactor_server debug": "debug",
        "help drain": "drain NODE",
    }
    for line, part in expected.items():
        shown = operator.ask(line)
        assert part in shown, shown
        assert "Traceback" not in shown
        assert max(map(len, shown.splitlines())) <= 80


@needs_telnet
def test_a_command_is_traced_until_the_audit_daemon_has_it(
    operator: TelnetClient, client: Client, user: str
) -> None:
    command_id = uuid4().bytes
    assert isinstance(client.ask(Add(user, 1, 1_00), command_id), Receipt)
    line = f"trace {command_id.hex()}"
    wait_until(lambda: "acknowledged" in operator.ask(line), "the audit daemon has it")
    shown = operator.ask(line).splitlines()
    stages = [each.split()[0] for each in shown if each[:1].isalpha()]
    wanted = ["received", "decided", "sent", "committed", "shipped", "acknowledged", "audited"]
    assert [stage for stage in stages if stage in wanted] == wanted
    times = [each.split()[1] for each in shown if each.split()[0] in wanted[:-1]]
    assert times == sorted(times), shown


@needs_telnet
def test_wrong_lines_get_hints_and_operators_are_held_to_their_role(
    operator: TelnetClient,
) -> None:
    for line, hint in {
        "dance": "no verb 'dance'",
        "user": "write: user USER",
        "kick node-1 one": "no session 'one'",
        "drain node-7": "no node 'node-7'",
        "drain audit": "no node 'audit'",
        "trace 12": "32 hexadecimal digits",
        "dumplog": "for the administrator alone",
        "config": "for the administrator alone",
        "shutdown audit": "for the administrator alone",
    }.items():
        assert hint in operator.ask(line)


@needs_telnet
def test_keys_edit_complete_and_bring_back_lines(operator: TelnetClient) -> None:
    operator.type("hel\t drX\x7fain\r")
    operator.see(PROMPT)
    assert "status" in operator.ask("help sta\t")
    assert "status" in operator.ask("\x1b[A")
    operator.type("top\r")
    operator.see("q ends this")
    operator.see("q ends this")
    operator.type("q")
    operator.see(PROMPT)
    operator.type("quit\r")
    operator.see("closed")


@needs_telnet
def test_a_wrong_password_is_refused_and_all_of_it_is_in_the_security_log(
    stack: RunningStack, operator: TelnetClient
) -> None:
    mark = f"user-{uuid4().hex}"
    operator.ask(f"user {mark}")
    with telnet(stack.port("console")) as guesser:
        guesser.log_in(mark, "a guess that is wrong")
        guesser.see("Authentication failed")
    operator.ask("status")
    told = daytrade("audit", "security", "--data", stack.data).stdout
    (refused,) = [line for line in told.splitlines() if f"actor={mark}" in line]
    assert 'action="log in"' in refused
    assert "outcome=refused" in refused
    typed = [line for line in told.splitlines() if f"detail={mark}" in line]
    assert any("actor=operator" in line and "action=user" in line for line in typed)
    assert "a guess that is wrong" not in told


def test_a_script_gets_what_a_person_sees_or_json(
    stack: RunningStack, client: Client, user: str
) -> None:
    assert isinstance(client.ask(Add(user, 1, 1_00)), Receipt)
    assert "cash 1001.00" in console(stack, "-c", f"user {user}")
    status, account = (
        json.loads(line)
        for line in console(stack, "--json", "-c", "status", "-c", f"user {user}").splitlines()
    )
    assert status["node-1"]["ready"]
    assert account["cash_cents"] == 1_001_00
    assert console(stack, "-c", f"dumplog {user}").count("<userCommand>") == 2


def test_a_script_that_is_refused_ends_with_an_error_and_a_hint(stack: RunningStack) -> None:
    done = daytrade("console", "--data", stack.data, "-c", "dance")
    assert done.returncode == 1
    assert done.stderr == "no verb 'dance'; `help` shows them all\n"


def test_a_directory_without_a_stack_is_told(directory: Path) -> None:
    done = daytrade("console", "--data", directory, "-c", "status")
    assert done.returncode == 1
    assert "is no directory of a running stack" in done.stderr
