"""Triggers that fire, once and at the right price: SPEC section 1, "Firing"."""

import pytest

from ledger import rules
from ledger.account import Side
from ledger.entry import Action, Cause, Movement, Posting
from protocol.errors import Code
from protocol.messages import SetBuyTrigger, SetSellTrigger
from protocol.money import INT64_MAX
from protocol.quote import Quote
from tests.ledger.desk import START_MS, Desk


def buy_desk(amount: int = 50, trigger_price: int = 7) -> Desk:
    """Somebody with 100 cents who waits to buy."""
    desk = Desk(cash_cents=100)
    desk.do("SET_BUY_AMOUNT", "ABC", amount)
    desk.do("SET_BUY_TRIGGER", "ABC", trigger_price)
    return desk


def sell_desk(amount: int = 50, trigger_price: int = 5) -> Desk:
    """Somebody with 20 shares who waits to sell."""
    desk = Desk(ABC=20)
    desk.do("SET_SELL_AMOUNT", "ABC", amount, price=7)
    desk.do("SET_SELL_TRIGGER", "ABC", trigger_price)
    return desk


def test_a_buy_fires_at_its_price() -> None:
    desk = buy_desk()
    armed_by = desk.last_id
    desk.now_ms += 70_000
    entry = desk.fire(Side.BUY, "ABC", 7)
    assert entry is not None
    assert (entry.cause, entry.kind, entry.code) == (Cause.FIRING, SetBuyTrigger.KIND, Code.OK)
    assert (entry.user, entry.transaction_num, entry.order_id) == ("ann", 2, armed_by)
    assert (entry.symbol, entry.amount_cents, entry.valid_until_ms) == ("ABC", 50, 0)
    assert (entry.price_cents, entry.shares, entry.total_cents) == (7, 7, 49)
    assert entry.quote == Quote("ABC", 7, START_MS + 70_000, "key=", "ann")
    assert entry.postings == (Posting(Action.REMOVE, 49), Posting(Action.RELEASE, 1))
    assert entry.movements == (Movement("ABC", 7, 0),)
    assert desk.money == (51, 0)
    assert desk.shares("ABC") == (7, 0)


def test_a_buy_fires_below_its_price_and_not_above() -> None:
    desk = buy_desk()
    assert desk.fire(Side.BUY, "ABC", 8) is None
    entry = desk.fire(Side.BUY, "ABC", 6)
    assert entry is not None
    assert (entry.shares, entry.total_cents) == (8, 48)


def test_a_buy_that_leaves_nothing_over_releases_nothing() -> None:
    entry = buy_desk(amount=49).fire(Side.BUY, "ABC", 7)
    assert entry is not None
    assert entry.postings == (Posting(Action.REMOVE, 49),)


def test_a_buy_that_pays_for_no_share_stays_armed() -> None:
    desk = buy_desk(amount=5)
    assert desk.fire(Side.BUY, "ABC", 6) is None
    assert desk.account.buy_triggers["ABC"].is_armed
    assert desk.fire(Side.BUY, "ABC", 5) is not None


def test_a_buy_amount_set_again_is_what_fires() -> None:
    desk = buy_desk()
    desk.do("SET_BUY_AMOUNT", "ABC", 14)
    entry = desk.fire(Side.BUY, "ABC", 7)
    assert entry is not None
    assert (entry.shares, desk.money) == (2, (86, 0))


def test_a_sell_fires_at_its_price() -> None:
    desk = sell_desk()
    armed_by = desk.last_id
    entry = desk.fire(Side.SELL, "ABC", 5)
    assert entry is not None
    assert (entry.cause, entry.kind, entry.code) == (Cause.FIRING, SetSellTrigger.KIND, Code.OK)
    assert (entry.transaction_num, entry.order_id, entry.amount_cents) == (2, armed_by, 50)
    assert (entry.price_cents, entry.shares, entry.total_cents) == (5, 10, 50)
    assert entry.postings == (Posting(Action.ADD, 50),)
    assert entry.movements == (Movement("ABC", 0, -10),)
    assert desk.money == (50, 0)
    assert desk.shares("ABC") == (10, 0)


def test_a_sell_fires_above_its_price_and_gives_the_other_shares_back() -> None:
    desk = sell_desk()
    assert desk.fire(Side.SELL, "ABC", 4) is None
    entry = desk.fire(Side.SELL, "ABC", 8)
    assert entry is not None
    assert (entry.shares, entry.total_cents) == (6, 48)
    assert entry.movements == (Movement("ABC", 4, -10),)
    assert desk.shares("ABC") == (14, 0)


def test_a_sell_whose_amount_is_no_whole_share_stays_armed() -> None:
    desk = sell_desk()
    assert desk.fire(Side.SELL, "ABC", 51) is None
    assert desk.shares("ABC") == (10, 10)
    assert desk.fire(Side.SELL, "ABC", 50) is not None


@pytest.mark.parametrize("side", Side)
def test_a_trigger_fires_once(side: Side) -> None:
    desk = buy_desk() if side is Side.BUY else sell_desk()
    price = desk.account.triggers(side)["ABC"].price_cents
    assert desk.fire(side, "ABC", price) is not None
    assert desk.fire(side, "ABC", price) is None
    assert desk.account.triggers(side) == {}


@pytest.mark.parametrize("side", Side)
def test_an_amount_without_a_trigger_price_does_not_fire(side: Side) -> None:
    desk = Desk(cash_cents=100, ABC=20)
    desk.do(f"SET_{side.name}_AMOUNT", "ABC", 50, price=7)
    for price in (1, 7, INT64_MAX):
        assert desk.fire(side, "ABC", price) is None


def test_a_sell_amount_set_again_does_not_fire_until_it_is_armed_again() -> None:
    desk = sell_desk()
    desk.do("SET_SELL_AMOUNT", "ABC", 50, price=7)
    assert desk.fire(Side.SELL, "ABC", 5) is None
    desk.do("SET_SELL_TRIGGER", "ABC", 5)
    assert desk.fire(Side.SELL, "ABC", 5) is not None


@pytest.mark.parametrize("side", Side)
def test_a_price_of_exactly_60_s_fires_and_an_older_one_does_not(side: Side) -> None:
    desk = buy_desk() if side is Side.BUY else sell_desk()
    price = desk.account.triggers(side)["ABC"].price_cents
    assert desk.fire(side, "ABC", price, quoted_ms=START_MS - 60_001) is None
    assert desk.fire(side, "ABC", price, quoted_ms=START_MS - 60_000) is not None


def test_only_a_price_of_its_own_symbol_and_side_fires() -> None:
    desk = buy_desk()
    desk.do("SET_BUY_AMOUNT", "XYZ", 10)
    desk.do("SET_BUY_TRIGGER", "XYZ", 1)
    assert desk.fire(Side.SELL, "ABC", 7) is None
    assert desk.fire(Side.BUY, "XYZ", 7) is None
    assert desk.fire(Side.BUY, "NON", 7) is None
    of_another = Quote("XYZ", 7, START_MS, "key=", "ann")
    assert rules.fire(desk.account, Side.BUY, "ABC", of_another, START_MS) is None
    assert desk.account.buy_triggers.keys() == {"ABC", "XYZ"}


def test_a_trigger_whose_proceeds_no_account_can_hold_stays_armed() -> None:
    desk = sell_desk()
    desk.account.cash_cents = INT64_MAX - 49
    assert desk.fire(Side.SELL, "ABC", 5) is None
    assert desk.fire(Side.SELL, "ABC", 7) is not None
    assert desk.account.cash_cents == INT64_MAX


def test_a_trigger_whose_shares_no_account_can_hold_stays_armed() -> None:
    desk = buy_desk(amount=50)
    desk.account.holdings["ABC"] = INT64_MAX - 10
    assert desk.fire(Side.BUY, "ABC", 4) is None
    assert desk.fire(Side.BUY, "ABC", 5) is not None
    assert desk.account.holdings["ABC"] == INT64_MAX
