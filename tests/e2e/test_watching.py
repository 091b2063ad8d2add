"""Pages that watch: what other connections, the other node and the trigger service do is pushed."""

import pytest

from protocol.messages import (
    AccountChanged,
    Add,
    Buy,
    Message,
    Price,
    QuoteRequest,
    Receipt,
    SetBuyAmount,
    SetBuyTrigger,
    WatchAccount,
    Watching,
    WatchingAccount,
    WatchPrice,
)
from tests.e2e.client import Client
from tests.e2e.stack import RunningStack

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]


def pushed(page: Client, count: int) -> list[Message]:
    """The next messages that a page hears without asking."""
    return [page.hear()[1] for _ in range(count)]


def test_commands_at_either_node_and_a_trigger_that_fires_are_pushed_in_order(
    stack: RunningStack, client: Client, user: str, symbol: str
) -> None:
    stack.tell_double(f"price {symbol} 10.00")
    with stack.client("node-1") as page, stack.client("node-2") as other:
        watching = page.ask(WatchAccount(user))
        assert watching == WatchingAccount(user, True, 1)
        assert isinstance(other.ask(Add(user, 2, 5_00)), Receipt)
        assert isinstance(client.ask(SetBuyAmount(user, 3, symbol, 105_00)), Receipt)
        assert isinstance(client.ask(SetBuyTrigger(user, 4, symbol, 12_00)), Receipt)
        changes = pushed(page, 4)
    told = [
        (each.seq, each.line.name, each.cash_cents, each.reserve_cents)
        for each in changes
        if isinstance(each, AccountChanged) and each.line is not None
    ]
    assert told == [
        (2, "ADD", 1_005_00, 0),
        (3, "SET_BUY_AMOUNT", 900_00, 105_00),
        (4, "SET_BUY_TRIGGER", 900_00, 105_00),
        (5, "SET_BUY_TRIGGER (fired)", 905_00, 0),
    ]


def test_a_price_that_the_other_node_pays_for_is_shown_at_no_charge(
    stack: RunningStack, user: str, symbol: str
) -> None:
    stack.tell_double(f"price {symbol} 10.00")
    with stack.client("node-1") as page, stack.client("node-2") as other:
        watching = page.ask(WatchPrice(user, symbol, 1, True, passive=True))
        assert watching == Watching(symbol, True)
        receipt = other.ask(QuoteRequest(user, 2, symbol))
        assert isinstance(receipt, Receipt)
        (price,) = pushed(page, 1)
        assert isinstance(price, Price)
        assert (price.symbol, price.price_cents, price.quoted_ms) == (
            symbol,
            10_00,
            receipt.quoted_ms,
        )
        bought = page.ask(Buy(user, 3, symbol, 100_00))
        assert isinstance(bought, Receipt)
        assert bought.quoted_ms == receipt.quoted_ms
    assert f"{symbol}=1" in stack.tell_double("hits").split()
