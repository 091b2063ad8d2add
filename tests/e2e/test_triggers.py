"""Triggers fire by themselves: from arming to firing no client says a word."""

import pytest

from audit.reading import read_entries
from ledger.entry import Cause
from protocol.messages import (
    Add,
    Buy,
    Command,
    CommitBuy,
    Receipt,
    SetBuyAmount,
    SetBuyTrigger,
    SetSellAmount,
    SetSellTrigger,
)
from tests.e2e.client import Client
from tests.e2e.logs import read_log
from tests.e2e.process_table import wait_until
from tests.e2e.stack import RunningStack

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


def do(client: Client, *commands: Command) -> None:
    for command in commands:
        assert isinstance(client.ask(command), Receipt), command


def firings(stack: RunningStack, user: str) -> int:
    """How many triggers of the user have fired, by the audit daemon's file: nothing is asked."""
    path = stack.data / "audit" / "audit.sqlite"
    return sum(stored.entry.cause is Cause.FIRING for stored in read_entries(path, user))


def test_an_armed_buy_fires_once_and_its_rest_goes_back_to_cash(
    stack: RunningStack, client: Client, user: str, symbol: str
) -> None:
    stack.tell_double(f"price {symbol} 10.00")
    do(
        client,
        SetBuyAmount(user, 2, symbol, 105_00),
        SetBuyTrigger(user, 3, symbol, 12_00),
    )
    wait_until(lambda: firings(stack, user) > 0, "the buy fires")
    summary = client.summary(user)
    assert (summary.cash_cents, summary.reserve_cents) == (900_00, 0)
    assert [(line.symbol, line.shares) for line in summary.holdings] == [(symbol, 10)]
    assert summary.triggers == []
    fired = [line for line in summary.history if line.name == "SET_BUY_TRIGGER (fired)"]
    assert [(line.price_cents, line.shares, line.transaction_num) for line in fired] == [
        (10_00, 10, 3)
    ]
    events = [
        record.fields for record in read_log(client.dumplog(user)) if record.kind == "systemEvent"
    ]
    assert [
        (event["command"], event["stockSymbol"], event["funds"], event["transactionNum"])
        for event in events
    ] == [("SET_BUY_TRIGGER", symbol, "10.00", "3")]


def test_an_armed_sell_fires_once_and_shares_too_many_go_back_to_the_holding(
    stack: RunningStack, client: Client, user: str, symbol: str
) -> None:
    """At its own price the trigger reserves 6 shares; at the market's 5 of them are worth it."""
    stack.tell_double(f"price {symbol} 10.00")
    do(
        client,
        Buy(user, 2, symbol, 100_00),
        CommitBuy(user, 3),
        SetSellAmount(user, 4, symbol, 55_00),
        SetSellTrigger(user, 5, symbol, 9_00),
    )
    wait_until(lambda: firings(stack, user) > 0, "the sell fires")
    summary = client.summary(user)
    assert (summary.cash_cents, summary.reserve_cents) == (950_00, 0)
    assert [(line.symbol, line.shares) for line in summary.holdings] == [(symbol, 5)]
    assert summary.triggers == []
    assert [line.name for line in summary.history].count("SET_SELL_TRIGGER (fired)") == 1
    added = [
        record.fields["funds"]
        for record in read_log(client.dumplog(user))
        if record.kind == "accountTransaction" and record.fields["action"] == "add"
    ]
    assert added == ["1000.00", "50.00"]


def test_a_price_that_is_not_met_leaves_the_trigger_armed(
    stack: RunningStack, client: Client, user: str, symbol: str
) -> None:
    """Another trigger of the same stock, armed later, fires: so this one was looked at as well."""
    stack.tell_double(f"price {symbol} 10.00")
    do(
        client,
        SetBuyAmount(user, 2, symbol, 50_00),
        SetBuyTrigger(user, 3, symbol, 9_99),
    )
    other = f"other-{user}"
    do(
        client,
        Add(other, 1, 100_00),
        SetBuyAmount(other, 2, symbol, 50_00),
        SetBuyTrigger(other, 3, symbol, 10_00),
    )
    wait_until(lambda: firings(stack, other) > 0, "the other trigger fires")
    assert firings(stack, user) == 0
    [trigger] = client.summary(user).triggers
    assert (trigger.amount_cents, trigger.price_cents) == (50_00, 9_99)
