"""Commands over a real socket: answered once, by whichever node, and shown page by page."""

from uuid import uuid4

import pytest

from protocol.errors import Code
from protocol.messages import (
    Add,
    Buy,
    CommitBuy,
    DumpLog,
    Error,
    Receipt,
    Refused,
)
from tests.e2e.client import Client
from tests.e2e.logs import read_log
from tests.e2e.stack import RunningStack

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


def test_a_command_sent_again_to_the_other_node_is_answered_alike_and_carried_out_once(
    stack: RunningStack, client: Client, user: str
) -> None:
    command_id = uuid4().bytes
    with stack.client("node-1") as client:
        first = client.ask(Add(user, 2, 25_00), command_id)
    with stack.client("node-2") as client:
        assert client.ask(Add(user, 2, 25_00), command_id) == first
        assert client.summary(user).cash_cents == 1_025_00


def test_a_refusal_is_final_for_its_id_on_every_node(
    stack: RunningStack, client: Client, user: str
) -> None:
    command_id = uuid4().bytes
    refused = client.ask(CommitBuy(user, 2), command_id)
    assert isinstance(refused, Refused)
    assert refused.code == Code.NO_PENDING_BUY
    with stack.client("node-2") as other:
        assert other.ask(CommitBuy(user, 2), command_id) == refused


def test_an_id_that_stood_for_another_command_is_refused(
    stack: RunningStack, client: Client, user: str
) -> None:
    command_id = uuid4().bytes
    assert isinstance(client.ask(Add(user, 2, 25_00), command_id), Receipt)
    with stack.client("node-2") as other:
        error = other.ask(Add(user, 2, 26_00), command_id)
        assert isinstance(error, Error)
        assert error.code == Code.ID_REUSED
        assert other.summary(user).cash_cents == 1_025_00


def test_what_one_node_did_the_other_one_builds_on(
    stack: RunningStack, client: Client, user: str, symbol: str
) -> None:
    stack.tell_double(f"price {symbol} 10.00")
    bought = client.ask(Buy(user, 2, symbol, 35_00))
    assert isinstance(bought, Receipt)
    assert (bought.price_cents, bought.shares, bought.total_cents) == (10_00, 3, 30_00)
    with stack.client("node-2") as other:
        assert isinstance(other.ask(CommitBuy(user, 3)), Receipt)
    summary = client.summary(user)
    assert (summary.cash_cents, summary.reserve_cents) == (970_00, 0)
    assert [(line.symbol, line.shares) for line in summary.holdings] == [(symbol, 3)]


def test_the_history_pages_back_to_the_first_command_without_gap_or_overlap(
    client: Client, user: str
) -> None:
    for number in range(2, 46):
        client.ask(Add(user, number, number))
    seen: list[int] = []
    page = client.summary(user)
    while True:
        seen += [line.transaction_num for line in page.history if line.name == "ADD"]
        if not page.history_before_seq:
            break
        assert page.history[-1].seq == page.history_before_seq
        page = client.summary(user, page.history_before_seq)
    assert seen == list(range(45, 0, -1))


def test_a_users_own_log_is_streamed_and_holds_nobody_elses_records(
    client: Client, user: str
) -> None:
    client.ask(Add(f"other-{user}", 1, 1_00))
    records = read_log(client.dumplog(user, "mine.xml"))
    assert {record.fields["username"] for record in records} == {user}
    assert [record.kind for record in records] == [
        "userCommand",
        "accountTransaction",
        "userCommand",
    ]
    own = records[-1].fields
    assert (own["command"], own["filename"]) == ("DUMPLOG", "mine.xml")


def test_everybodys_log_is_for_the_administrator_alone(stack: RunningStack, client: Client) -> None:
    error = client.ask(DumpLog("", 7, "all.xml"))
    assert isinstance(error, Error)
    assert error.code == Code.NOT_PERMITTED
    with stack.client(role="administrator") as administrator:
        last = read_log(administrator.dumplog(""))[-1].fields
    assert last["command"] == "DUMPLOG"
    assert "username" not in last
