"""Every verb of the console, with right words and wrong ones, as a person and a script see it."""

import sqlite3
from typing import Any

import pytest

from console.daemons import Daemons
from console.verbs import Console
from protocol.errors import Code, TradeError
from tests.console.premises import SystemInMemory
from tests.service.links import BoundedClock
from tests.service.premises import ROLES, credential

RIGHT = [
    "status",
    "users",
    "users ann",
    "user ann",
    "sessions",
    "sessions node-2",
    "quotes",
    "quote ABC",
    "expire abc",
    "triggers",
    "triggers abc",
    "audit",
    "verify",
    "dumplog",
    "dumplog ann",
    "log node-1",
    "log node-1 all info",
    "drain node-2",
    "resume node-2",
    "config",
    "config node-1",
    "shutdown node-2",
    "help",
    "help user",
]

WRONG = {
    "dance": "no verb 'dance'",
    "status now": "write: status",
    "user": "write: user USER",
    "user a b": "write: user USER",
    "user bob": "nothing is known of 'bob'",
    "user a/b": "can name no user",
    "sessions node-9": "no daemon 'node-9'; there are: node-1, node-2, audit",
    "kick": "write: kick DAEMON SESSION",
    "kick node-1": "write: kick DAEMON SESSION",
    "kick node-1 99": "no session '99'",
    "kick node-9 1": "no daemon 'node-9'",
    "quote ABCD": "is no symbol",
    "quote": "write: quote SYMBOL",
    "expire 1": "is no symbol",
    "trace": "write: trace COMMAND-ID",
    "trace xyz": "32 hexadecimal digits",
    "trace " + "0" * 32: "never committed",
    "log": "write: log DAEMON",
    "log node-1 all loud": "no level 'loud'",
    "drain": "write: drain NODE",
    "drain all": "no node 'all'; there are: node-1, node-2",
    "drain audit": "no node 'audit'; there are: node-1, node-2",
    "resume audit": "no node 'audit'",
    "resume": "write: resume NODE",
    "shutdown": "write: shutdown DAEMON",
    "shutdown everything": "no daemon 'everything'",
    "config nothing": "no daemon 'nothing'",
    "help dance": "no verb 'dance'",
}


@pytest.mark.parametrize("line", RIGHT)
def test_a_right_line_is_answered_in_lines_that_fit(system: SystemInMemory, line: str) -> None:
    shown = system.shown(line)
    assert shown
    if not line.startswith("dumplog"):
        assert max(map(len, shown)) <= 80
        assert all(each.isprintable() for each in shown)


@pytest.mark.parametrize(("line", "hint"), WRONG.items(), ids=WRONG)
def test_a_wrong_line_is_answered_by_a_hint(system: SystemInMemory, line: str, hint: str) -> None:
    with pytest.raises(TradeError) as refused:
        system.ask(line)
    assert hint in refused.value.message


def test_no_help_is_cut_short(system: SystemInMemory) -> None:
    assert not [line for line in system.shown("help") if line.endswith(">")]


def test_every_verb_is_tried_both_ways() -> None:
    console = {line.split()[0] for line in [*RIGHT, *WRONG]}
    clock = BoundedClock()
    verbs = Console(clock, Daemons(clock, {}, credential("root"), "root"), ROLES["root"]).verbs
    assert set(verbs) - console == {"legacy"}


def test_an_account_is_shown_whole(system: SystemInMemory) -> None:
    user = system.ask("user ann")
    assert (user["cash_cents"], user["reserve_cents"]) == (850_00, 150_00)
    assert [(o["side"], o["symbol"], o["shares"]) for o in user["orders"]] == [("buy", "ABC", 10)]
    assert [(t["side"], t["price_cents"]) for t in user["triggers"]] == [("buy", 4_00)]
    assert [j["name"] for j in user["journal"]][:2] == ["COMMIT_SELL", "SET_BUY_TRIGGER"]
    text = "\n".join(system.shown("user ann"))
    for part in ("cash 850.00  reserve 150.00", "buy   ABC", "4.00", "COMMIT_SELL"):
        assert part in text


def test_a_command_is_traced_from_its_price_to_the_audit_log(system: SystemInMemory) -> None:
    (buy,) = [j for j in system.ask("user ann")["journal"] if j["name"] == "BUY"]
    trace = system.ask(f"trace {buy['command_id']}")
    assert [stage["stage"] for stage in trace["stages"]] == [
        "price",
        "received",
        "decided",
        "sent",
        "committed",
        "audited",
    ]
    times_ms = {stage["stage"]: stage["at_ms"] for stage in trace["stages"]}
    assert times_ms["decided"] == buy["decided_ms"]
    assert times_ms["received"] <= times_ms["decided"] <= times_ms["sent"]
    assert trace["stages"][-1]["what"].startswith("number ")
    assert trace["note"] == ""
    assert any("audited" in line for line in system.shown(f"trace {buy['command_id']}"))


def test_a_command_whose_times_nobody_remembers_is_traced_by_journal_and_log(
    system: SystemInMemory,
) -> None:
    (buy,) = [j for j in system.ask("user ann")["journal"] if j["name"] == "BUY"]
    system.endpoints["node-1"].is_down = True
    trace = system.ask(f"trace {buy['command_id']}")
    assert [stage["stage"] for stage in trace["stages"]] == [
        "price",
        "decided",
        "committed",
        "audited",
    ]
    assert "newest batches only" in trace["note"]
    assert system.shown(f"trace {buy['command_id']}")[-1] == trace["note"]


def test_a_command_that_the_audit_log_lacks_is_told_so(system: SystemInMemory) -> None:
    system.nodes[0].ask("ADD", "ann", 1)
    add = system.ask("user ann")["journal"][0]
    trace = system.ask(f"trace {add['command_id']}")
    assert trace["stages"][-1]["what"] == "the audit log does not have it yet"


def test_rates_are_those_between_two_looks(system: SystemInMemory) -> None:
    console = system.console()
    begun = system.begin("status", console)
    for number in range(10):
        system.nodes[0].ask("ADD", "ann", number + 1)
    system.clock.pass_time(1)
    answer: Any = begun[0]
    status = answer[1]
    assert status["node-1"]["commands"] == 15
    assert status["node-1"]["commands_per_s"] == 20.0
    assert status["node-2"]["commands_per_s"] == 0.0


def test_a_daemon_that_is_away_is_told_and_the_others_answer(system: SystemInMemory) -> None:
    system.endpoints["node-1"].is_down = True
    status = system.ask("status")
    assert "away" in status["node-1"]
    assert status["node-2"]["ready"]
    assert system.ask("user ann")["cash_cents"] == 850_00
    assert any(line.startswith("node-1: ") for line in system.shown("status"))


def test_a_question_that_no_daemon_can_answer_is_refused(system: SystemInMemory) -> None:
    for name in ("node-1", "node-2"):
        system.endpoints[name].is_down = True
    with pytest.raises(TradeError, match="node-2 cannot be asked"):
        system.ask("user ann")


def test_an_expired_price_is_gone_at_each_layer(system: SystemInMemory) -> None:
    assert system.ask("quote ABC")["node-1"]["quotes"][0]["price_cents"] == 500
    expired = system.ask("expire ABC")
    assert (expired["node-1"]["expired"], expired["node-2"]["expired"]) == (True, False)
    assert system.ask("quote ABC")["node-1"]["quotes"][0]["price_cents"] == 0


def test_a_session_is_kicked(system: SystemInMemory) -> None:
    console = system.console()
    other = system.console("olga")
    system.ask("sessions node-1", other)
    (olga,) = [s for s in system.ask("sessions", console)["node-1"] if s["name"] == "olga"]
    assert system.ask(f"kick node-1 {olga['session']}", console)["name"] == "olga"
    assert [s["name"] for s in system.ask("sessions", console)["node-1"]] == ["root"]


def test_the_log_is_told_as_xml(system: SystemInMemory) -> None:
    text = system.ask("dumplog ann")
    assert text.startswith("<?xml")
    assert text.count("<userCommand>") == 5


def test_the_whole_log_is_looked_through(system: SystemInMemory) -> None:
    assert system.ask("verify") == {"entries": 5, "streams": 1, "findings": 0, "first": ""}


def test_the_head_of_the_log_is_told(system: SystemInMemory) -> None:
    link = system.store.link
    assert system.ask("audit")["log"]["head"] == f"row {link.number} {link.digest.hex()}"
    assert link.number > 0


def test_a_row_that_was_changed_behind_our_back_is_named(system: SystemInMemory) -> None:
    with sqlite3.connect(system.path) as log:
        log.execute("UPDATE batch SET first_ms = first_ms + 1, entries = x'90' WHERE id = 1")
    verdict = system.ask("verify")
    assert verdict["findings"] > 0
    assert "row 1" in verdict["first"]


def test_secrets_of_the_settings_are_hidden(system: SystemInMemory) -> None:
    assert "hunter2" not in str(system.ask("config"))


def test_a_daemon_is_told_to_stop(system: SystemInMemory) -> None:
    system.ask("shutdown node-2")
    assert system.stopped == ["node-2"]


@pytest.mark.parametrize("line", ["dumplog", "config", "shutdown node-1"])
def test_what_is_for_administrators_is_refused_to_an_operator(
    system: SystemInMemory, line: str
) -> None:
    with pytest.raises(TradeError) as refused:
        system.ask(line, system.console("olga"))
    assert refused.value.code is Code.NOT_PERMITTED
    assert system.stopped == []


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("st", ["status"]),
        ("us", ["user", "users"]),
        ("kick n", ["node-1", "node-2"]),
        ("drain ", ["node-1", "node-2"]),
        ("log audit all d", ["debug"]),
        ("help tr", ["trace", "triggers"]),
        ("user a", []),
        ("kick node-1 1 x", []),
        ("nonsense x", []),
    ],
)
def test_words_are_completed(system: SystemInMemory, line: str, choices: list[str]) -> None:
    assert system.console().completions(line) == choices
