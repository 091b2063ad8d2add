"""SET_*_AMOUNT, SET_*_TRIGGER and CANCEL_SET_*: each row of SPEC section 1 as an example."""

import pytest

from ledger.account import TRIGGERS_MAX, Side, Trigger
from ledger.entry import Action, Movement, Posting
from protocol.errors import Code
from tests.ledger.desk import START_MS, STOCKS, Desk


def test_a_buy_amount_moves_from_cash_to_the_triggers_reserve() -> None:
    desk = Desk(cash_cents=100)
    entry = desk.do("SET_BUY_AMOUNT", "abc", 60)
    assert (entry.code, entry.total_cents, entry.shares, entry.price_cents) == (Code.OK, 60, 0, 0)
    assert entry.postings == (Posting(Action.RESERVE, 60),)
    assert desk.money == (40, 60)
    assert desk.account.buy_triggers == {"ABC": Trigger(Side.BUY, "ABC", 60)}


def test_a_buy_amount_may_take_exactly_all_cash_and_not_a_cent_more() -> None:
    desk = Desk(cash_cents=100)
    assert desk.code("SET_BUY_AMOUNT", "ABC", 101) is Code.INSUFFICIENT_FUNDS
    assert desk.code("SET_BUY_AMOUNT", "ABC", 100) is Code.OK
    assert desk.money == (0, 100)


@pytest.mark.parametrize("again", [1, 59, 60, 61, 100])
def test_a_buy_amount_set_again_gives_the_earlier_one_back_first(again: int) -> None:
    """What the earlier one holds counts as free for the new one."""
    desk = Desk(cash_cents=100)
    desk.do("SET_BUY_AMOUNT", "ABC", 60)
    entry = desk.do("SET_BUY_AMOUNT", "ABC", again)
    assert entry.total_cents == again
    assert entry.postings == (Posting(Action.RELEASE, 60), Posting(Action.RESERVE, again))
    assert desk.money == (100 - again, again)


def test_an_earlier_buy_amount_does_not_make_more_than_there_is_free() -> None:
    desk = Desk(cash_cents=100)
    desk.do("SET_BUY_AMOUNT", "ABC", 60)
    assert desk.code("SET_BUY_AMOUNT", "ABC", 101) is Code.INSUFFICIENT_FUNDS
    assert desk.code("SET_BUY_AMOUNT", "XYZ", 41) is Code.INSUFFICIENT_FUNDS
    assert desk.code("SET_BUY_AMOUNT", "XYZ", 40) is Code.OK
    assert desk.money == (0, 100)


def test_a_buy_amount_set_again_leaves_the_trigger_price_armed() -> None:
    desk = Desk(cash_cents=100)
    desk.do("SET_BUY_AMOUNT", "ABC", 60)
    desk.do("SET_BUY_TRIGGER", "ABC", 5)
    armed = desk.account.buy_triggers["ABC"]
    desk.do("SET_BUY_AMOUNT", "ABC", 70)
    assert desk.account.buy_triggers["ABC"] == Trigger(
        Side.BUY, "ABC", 70, 5, 0, armed.armed_by, armed.transaction_num, armed.armed_ms
    )


def test_a_buy_trigger_is_armed_and_moves_nothing() -> None:
    desk = Desk(cash_cents=100)
    desk.do("SET_BUY_AMOUNT", "ABC", 60)
    desk.now_ms += 5
    entry = desk.do("SET_BUY_TRIGGER", "abc", 5)
    assert (entry.code, entry.amount_cents, entry.postings, entry.movements) == (Code.OK, 5, (), ())
    assert desk.account.buy_triggers["ABC"] == Trigger(
        Side.BUY, "ABC", 60, 5, 0, desk.last_id, 2, START_MS + 5
    )


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_a_trigger_set_again_replaces_price_number_and_time(side: str) -> None:
    desk = Desk(cash_cents=100, ABC=60)
    desk.do(f"SET_{side}_AMOUNT", "ABC", 60, price=1)
    desk.do(f"SET_{side}_TRIGGER", "ABC", 5)
    desk.now_ms += 5
    desk.do(f"SET_{side}_TRIGGER", "ABC", 6)
    trigger = desk.account.triggers(Side(side.lower()))["ABC"]
    assert (trigger.price_cents, trigger.armed_by) == (6, desk.last_id)
    assert (trigger.transaction_num, trigger.armed_ms) == (3, START_MS + 5)


@pytest.mark.parametrize("name", ["SET_BUY_TRIGGER", "SET_SELL_TRIGGER"])
def test_a_trigger_needs_an_amount_of_its_own_side_and_symbol(name: str) -> None:
    desk = Desk(cash_cents=100, ABC=60, XYZ=60)
    side = name.split("_")[1]
    other = {"BUY": "SELL", "SELL": "BUY"}[side]
    desk.do(f"SET_{other}_AMOUNT", "ABC", 60, price=1)
    desk.do(f"SET_{side}_AMOUNT", "XYZ", 60, price=1)
    assert desk.do(name, "ABC", 5).code.name == f"NO_{side}_AMOUNT"
    assert desk.do(f"CANCEL_SET_{side}", "ABC").code.name == f"NO_{side}_AMOUNT"
    assert desk.code(name, "XYZ", 5) is Code.OK


@pytest.mark.parametrize("armed", [False, True])
def test_cancelling_a_set_buy_is_as_if_it_had_never_been_set(armed: bool) -> None:
    desk = Desk(cash_cents=100)
    desk.do("SET_BUY_AMOUNT", "ABC", 60)
    if armed:
        desk.do("SET_BUY_TRIGGER", "ABC", 5)
    entry = desk.do("CANCEL_SET_BUY", "abc")
    assert (entry.code, entry.total_cents) == (Code.OK, 60)
    assert entry.postings == (Posting(Action.RELEASE, 60),)
    assert desk.money == (100, 0)
    assert desk.account.buy_triggers == {}
    assert desk.code("SET_BUY_TRIGGER", "ABC", 5) is Code.NO_BUY_AMOUNT


def test_a_sell_amount_is_noted_and_reserves_nothing() -> None:
    desk = Desk(ABC=10)
    entry = desk.do("SET_SELL_AMOUNT", "abc", 50, price=7)
    assert (entry.code, entry.price_cents, entry.shares, entry.total_cents) == (Code.OK, 7, 7, 49)
    assert (entry.postings, entry.movements, entry.valid_until_ms) == ((), (), 0)
    assert desk.shares("ABC") == (10, 0)
    assert desk.account.sell_triggers == {"ABC": Trigger(Side.SELL, "ABC", 50)}


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (6, Code.AMOUNT_TOO_SMALL_FOR_A_SHARE),
        (7, Code.OK),
        (76, Code.OK),
        (77, Code.INSUFFICIENT_HOLDING),
    ],
)
def test_a_sell_amount_must_be_one_share_at_least_and_the_holding_at_most(
    amount: int, code: Code
) -> None:
    entry = Desk(ABC=10).do("SET_SELL_AMOUNT", "ABC", amount, price=7)
    assert (entry.code, entry.price_cents) == (code, 7)


def test_a_sell_amount_set_again_disarms_and_gives_the_shares_back() -> None:
    desk = Desk(ABC=10)
    desk.do("SET_SELL_AMOUNT", "ABC", 50, price=7)
    desk.do("SET_SELL_TRIGGER", "ABC", 5)
    assert desk.shares("ABC") == (0, 10)
    entry = desk.do("SET_SELL_AMOUNT", "ABC", 70, price=7)
    assert (entry.code, entry.shares, entry.movements) == (
        Code.OK,
        10,
        (Movement("ABC", 10, -10),),
    )
    assert desk.shares("ABC") == (10, 0)
    assert desk.account.sell_triggers == {"ABC": Trigger(Side.SELL, "ABC", 70)}


def test_a_refused_sell_amount_leaves_the_earlier_trigger_armed() -> None:
    desk = Desk(ABC=10)
    desk.do("SET_SELL_AMOUNT", "ABC", 50, price=7)
    desk.do("SET_SELL_TRIGGER", "ABC", 5)
    assert desk.code("SET_SELL_AMOUNT", "ABC", 77, price=7) is Code.INSUFFICIENT_HOLDING
    assert desk.account.sell_triggers["ABC"].is_armed
    assert desk.shares("ABC") == (0, 10)


def test_a_sell_trigger_sets_aside_the_most_shares_that_could_be_sold() -> None:
    desk = Desk(ABC=20)
    desk.do("SET_SELL_AMOUNT", "ABC", 50, price=7)
    entry = desk.do("SET_SELL_TRIGGER", "ABC", 4)
    assert (entry.code, entry.shares, entry.quote, entry.price_cents) == (Code.OK, 12, None, 0)
    assert (entry.postings, entry.movements) == ((), (Movement("ABC", -12, 12),))
    assert desk.shares("ABC") == (8, 12)
    assert desk.account.sell_triggers["ABC"] == Trigger(
        Side.SELL, "ABC", 50, 4, 12, desk.last_id, 2, START_MS
    )


@pytest.mark.parametrize(
    ("price", "code"),
    [
        (51, Code.AMOUNT_TOO_SMALL_FOR_A_SHARE),
        (50, Code.OK),
        (5, Code.OK),
        (4, Code.INSUFFICIENT_HOLDING),
    ],
)
def test_a_sell_trigger_must_sell_one_share_at_least_and_the_holding_at_most(
    price: int, code: Code
) -> None:
    desk = Desk(ABC=10)
    desk.do("SET_SELL_AMOUNT", "ABC", 50, price=7)
    assert desk.code("SET_SELL_TRIGGER", "ABC", price) is code


def test_a_sell_trigger_set_again_counts_what_it_holds_already() -> None:
    desk = Desk(ABC=10)
    desk.do("SET_SELL_AMOUNT", "ABC", 50, price=7)
    assert desk.do("SET_SELL_TRIGGER", "ABC", 5).movements == (Movement("ABC", -10, 10),)
    assert desk.do("SET_SELL_TRIGGER", "ABC", 10).movements == (Movement("ABC", 5, -5),)
    assert desk.do("SET_SELL_TRIGGER", "ABC", 10).movements == ()
    assert desk.do("SET_SELL_TRIGGER", "ABC", 6).movements == (Movement("ABC", -3, 3),)
    assert desk.code("SET_SELL_TRIGGER", "ABC", 4) is Code.INSUFFICIENT_HOLDING
    assert desk.shares("ABC") == (2, 8)


def test_cancelling_an_armed_set_sell_gives_the_shares_back() -> None:
    desk = Desk(ABC=10)
    desk.do("SET_SELL_AMOUNT", "ABC", 50, price=7)
    desk.do("SET_SELL_TRIGGER", "ABC", 5)
    entry = desk.do("CANCEL_SET_SELL", "abc")
    assert (entry.code, entry.shares, entry.postings) == (Code.OK, 10, ())
    assert entry.movements == (Movement("ABC", 10, -10),)
    assert desk.shares("ABC") == (10, 0)
    assert desk.account.sell_triggers == {}


def test_cancelling_a_set_sell_that_was_never_armed_moves_nothing() -> None:
    desk = Desk(ABC=10)
    desk.do("SET_SELL_AMOUNT", "ABC", 50, price=7)
    entry = desk.do("CANCEL_SET_SELL", "ABC")
    assert (entry.code, entry.shares, entry.movements) == (Code.OK, 0, ())
    assert desk.code("SET_SELL_TRIGGER", "ABC", 5) is Code.NO_SELL_AMOUNT


def test_what_a_trigger_holds_is_not_free_for_orders() -> None:
    desk = Desk(cash_cents=100, ABC=10)
    desk.do("SET_BUY_AMOUNT", "ABC", 60)
    desk.do("SET_SELL_AMOUNT", "ABC", 50, price=7)
    desk.do("SET_SELL_TRIGGER", "ABC", 10)
    assert desk.code("BUY", "ABC", 41, price=1) is Code.INSUFFICIENT_FUNDS
    assert desk.code("SELL", "ABC", 6, price=1) is Code.INSUFFICIENT_HOLDING
    assert desk.code("BUY", "ABC", 40, price=1) is Code.OK
    assert desk.code("SELL", "ABC", 5, price=1) is Code.OK


def test_triggers_of_both_sides_and_of_each_symbol_stand_side_by_side() -> None:
    desk = Desk(cash_cents=100, ABC=10, XYZ=10)
    for symbol in ("ABC", "XYZ"):
        desk.do("SET_BUY_AMOUNT", symbol, 30)
        desk.do("SET_SELL_AMOUNT", symbol, 10, price=1)
        desk.do("SET_SELL_TRIGGER", symbol, 2)
    desk.do("CANCEL_SET_BUY", "ABC")
    desk.do("CANCEL_SET_SELL", "XYZ")
    assert desk.account.buy_triggers.keys() == {"XYZ"}
    assert desk.account.sell_triggers.keys() == {"ABC"}
    assert desk.money == (70, 30)
    assert (desk.shares("ABC"), desk.shares("XYZ")) == ((5, 5), (10, 0))


@pytest.mark.parametrize("side", Side, ids=lambda side: side.value)
def test_one_side_may_have_8000_triggers_standing_and_not_one_more(side: Side) -> None:
    desk = Desk(cash_cents=100, ZZY=1, ZZZ=1)
    triggers = desk.account.triggers(side)
    triggers.update({symbol: Trigger(side, symbol, 1) for symbol in STOCKS[: TRIGGERS_MAX - 1]})
    desk.account.reserve_cents = TRIGGERS_MAX - 1 if side is Side.BUY else 0
    price = None if side is Side.BUY else 1
    set_amount = f"SET_{side.name}_AMOUNT"
    assert desk.code(set_amount, "ZZY", 1, price=price) is Code.OK
    assert desk.code(set_amount, "ZZZ", 1) is Code.TOO_MANY_TRIGGERS, "and no price is asked for"
    assert desk.code(set_amount, "ZZZ", 0) is Code.BAD_AMOUNT
    assert desk.code(set_amount, "ZZY", 1, price=price) is Code.OK, "one that stands is replaced"
    desk.do(f"CANCEL_SET_{side.name}", "A")
    assert desk.code(set_amount, "ZZZ", 1, price=price) is Code.OK
