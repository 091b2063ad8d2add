"""`daytrade workload run --to`: over nodes that run already, with what a client cannot see null."""

import json
from pathlib import Path

import pytest

from service.credentials import read_credential
from tests.e2e.stack import RunningStack, daytrade, free_base_port

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


def node(stack: RunningStack, name: str) -> str:
    """The node's endpoint, as `daytrade up` prints it."""
    return stack.addresses[name]


def test_both_nodes_serve_a_run_by_the_stacks_own_administrator(
    stack: RunningStack, one_user_file: Path
) -> None:
    done = daytrade(
        *("workload", "run", one_user_file, "--json", "-", "--outstanding", "16"),
        *("--to", node(stack, "node-1"), "--to", node(stack, "node-2")),
        *("--password-file", stack.secret("administrator")),
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["commands"], figures["unknown"]) == (100, 0)
    assert figures["per_command"]["DUMPLOG"]["count"] == 1
    assert figures["per_command"]["DUMPLOG"]["refused"] == 0
    unseen = ("legacy_hits", "legacy_hits_minimum", "audit_records", "dumplog_valid", "processes")
    assert {figures[key] for key in unseen} == {None}


def test_a_name_with_a_password_alone_will_do_and_a_node_that_is_away_does_not_matter(
    stack: RunningStack, one_user_file: Path, directory: Path
) -> None:
    """The workload role may play any user, and is refused everybody's log."""
    password_file, json_file = directory / "password", directory / "figures"
    credential = read_credential(stack.secret("workload"))
    password_file.write_text(credential.password + "\n")
    done = daytrade(
        *("workload", "run", one_user_file, "--json", json_file),
        *("--to", f"tcp:127.0.0.1:{free_base_port()}", "--to", node(stack, "node-2")),
        *("--user", credential.name, "--password-file", password_file),
    )
    assert done.returncode == 0, done.stderr
    assert "100 of 100 commands" in done.stderr
    assert "COMMIT_BUY" in done.stdout
    figures = json.loads(json_file.read_text())
    assert (figures["commands"], figures["unknown"]) == (100, 0)
    assert figures["per_command"]["DUMPLOG"]["refused"] == 1


@pytest.mark.parametrize("user", ["workload", "nobody"])
def test_a_wrong_name_or_password_ends_the_run_before_it_began(
    stack: RunningStack, one_user_file: Path, directory: Path, user: str
) -> None:
    password_file = directory / "password"
    password_file.write_text("wrong\n")
    done = daytrade(
        *("workload", "run", one_user_file, "--to", node(stack, "node-1")),
        *("--user", user, "--password-file", password_file),
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "daytrade: no node can be used: the name or the password is wrong"
    ]


def test_lines_that_make_no_sense_are_told_and_the_others_played(
    stack: RunningStack, directory: Path
) -> None:
    file, figures = directory / "workload", directory / "figures"
    file.write_text("[1] ADD,anna,10.00 \nrubbish\n[3] FOO,anna \n[4] ADD,anna,1e3 \n[5] ADD,ben,1")
    done = daytrade(
        *("workload", "run", file, "--json", figures, "--to", node(stack, "node-1")),
        *("--password-file", stack.secret("workload")),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(figures.read_text())["accepted"] == 2
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()[:3]] == [
        f"{file}:{position}" for position in (2, 3, 4)
    ]


def test_where_no_node_listens_the_reason_is_told(stack: RunningStack, one_user_file: Path) -> None:
    done = daytrade(
        *("workload", "run", one_user_file, "--to", f"tcp:127.0.0.1:{free_base_port()}"),
        *("--password-file", stack.secret("administrator")),
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("daytrade: no node can be used: Connection was refused")
