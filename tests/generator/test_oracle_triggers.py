"""What the oracle makes of triggers and their firing (SPEC section 1)."""

import pytest

from generator.oracle_account import Trigger
from protocol.errors import Code
from tests.generator.desk import INT64_MAX, Desk


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_8000_of_a_side_may_stand_and_not_one_more(side: str) -> None:
    """Judged before the funds, after the amount; one that stands may be set anew."""
    desk = Desk(cash_cents=8000, A=1)
    price = None if side == "BUY" else 1
    account = desk.oracle._accounts["u"]
    triggers = account.buy_triggers if side == "BUY" else account.sell_triggers
    triggers.update({str(number): Trigger(0) for number in range(7999)})
    assert desk.code(f"SET_{side}_AMOUNT", "A", 1, price=price) == Code.OK
    assert desk.code(f"SET_{side}_AMOUNT", "B", 9000) == Code.TOO_MANY_TRIGGERS
    assert desk.code(f"SET_{side}_AMOUNT", "B", 0) == Code.BAD_AMOUNT
    assert desk.code(f"SET_{side}_AMOUNT", "A", 1, price=price) == Code.OK


class TestBuyTriggers:
    def test_the_amount_moves_from_cash_to_reserve_without_a_price(self) -> None:
        desk = Desk(cash_cents=1000)
        set_amount = desk.do("SET_BUY_AMOUNT", "ABC", 600)
        assert (set_amount.total_cents, set_amount.needs_price) == (600, False)
        assert desk.money == (400, 600)

    def test_a_replaced_amount_counts_as_cash(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("SET_BUY_AMOUNT", "ABC", 600)
        assert desk.code("SET_BUY_AMOUNT", "ABC", 1001) == Code.INSUFFICIENT_FUNDS
        assert desk.money == (400, 600)
        assert desk.code("SET_BUY_AMOUNT", "ABC", 1000) == Code.OK
        assert desk.money == (0, 1000)
        assert desk.code("SET_BUY_AMOUNT", "ABC", 1) == Code.OK
        assert desk.money == (999, 1)

    def test_an_amount_held_for_another_symbol_does_not_count(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("SET_BUY_AMOUNT", "ABC", 600)
        assert desk.code("SET_BUY_AMOUNT", "XYZ", 401) == Code.INSUFFICIENT_FUNDS

    def test_a_replaced_amount_keeps_the_earlier_trigger_price(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("SET_BUY_AMOUNT", "ABC", 600)
        desk.do("SET_BUY_TRIGGER", "ABC", 50)
        desk.do("SET_BUY_AMOUNT", "ABC", 700)
        (trigger,) = desk.now["triggers"]
        assert (trigger["amount_cents"], trigger["price_cents"]) == (700, 50)
        assert desk.fire("buy", "ABC", 50) is not None

    def test_a_trigger_needs_an_amount_of_its_own_symbol(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("SET_BUY_AMOUNT", "ABC", 600)
        assert desk.code("SET_BUY_TRIGGER", "XYZ", 50) == Code.NO_BUY_AMOUNT

    def test_setting_the_trigger_again_replaces_its_price(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("SET_BUY_AMOUNT", "ABC", 600)
        desk.do("SET_BUY_TRIGGER", "ABC", 50)
        desk.do("SET_BUY_TRIGGER", "ABC", 40)
        assert desk.fire("buy", "ABC", 41) is None
        assert desk.fire("buy", "ABC", 40) is not None

    def test_a_cancel_leaves_all_as_if_it_had_never_been_set(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("SET_BUY_AMOUNT", "ABC", 600)
        desk.do("SET_BUY_TRIGGER", "ABC", 50)
        assert desk.do("CANCEL_SET_BUY", "ABC").total_cents == 600
        assert desk.money == (1000, 0)
        assert desk.now["triggers"] == []
        assert desk.fire("buy", "ABC", 1) is None
        assert desk.code("CANCEL_SET_BUY", "ABC") == Code.NO_BUY_AMOUNT
        desk.do("SET_BUY_AMOUNT", "ABC", 600)
        assert desk.now["triggers"][0]["price_cents"] == 0


class TestSellTriggers:
    def test_the_amount_is_noted_and_nothing_is_reserved(self) -> None:
        desk = Desk(ABC=10)
        noted = desk.do("SET_SELL_AMOUNT", "ABC", 1000, price=150)
        assert (noted.shares, noted.total_cents, noted.price_cents) == (6, 900, 150)
        assert noted.valid_until_ms == 0
        assert desk.shares() == (10, 0)
        (trigger,) = desk.now["triggers"]
        assert (trigger["amount_cents"], trigger["price_cents"], trigger["shares"]) == (1000, 0, 0)

    def test_without_any_share_it_asks_for_no_price(self) -> None:
        desk = Desk(cash_cents=1)
        assert not desk.asks_a_price("SET_SELL_AMOUNT", "ABC", 100)
        assert desk.code("SET_SELL_AMOUNT", "ABC", 100) == Code.INSUFFICIENT_HOLDING

    def test_shares_that_the_armed_trigger_reserved_count_as_held(self) -> None:
        desk = Desk(ABC=10)
        desk.do("SET_SELL_AMOUNT", "ABC", 10, price=1)
        desk.do("SET_SELL_TRIGGER", "ABC", 1)
        assert desk.shares() == (0, 10)
        assert desk.asks_a_price("SET_SELL_AMOUNT", "ABC", 10)
        assert desk.code("SET_SELL_AMOUNT", "ABC", 11, price=1) == Code.INSUFFICIENT_HOLDING
        assert desk.shares() == (0, 10)
        assert desk.code("SET_SELL_AMOUNT", "ABC", 10, price=1) == Code.OK

    def test_shares_in_pending_sells_do_not_count_as_held(self) -> None:
        desk = Desk(ABC=10)
        desk.do("SELL", "ABC", 10, price=1)
        assert desk.code("SET_SELL_AMOUNT", "ABC", 1, price=1) == Code.INSUFFICIENT_HOLDING

    def test_replacing_the_amount_gives_the_shares_back_and_disarms(self) -> None:
        desk = Desk(ABC=10)
        desk.do("SET_SELL_AMOUNT", "ABC", 1000, price=150)
        desk.do("SET_SELL_TRIGGER", "ABC", 200)
        desk.do("SET_SELL_AMOUNT", "ABC", 800, price=150)
        assert desk.shares() == (10, 0)
        assert desk.fire("sell", "ABC", 200) is None
        (trigger,) = desk.now["triggers"]
        assert (trigger["amount_cents"], trigger["price_cents"], trigger["shares"]) == (800, 0, 0)

    def test_the_trigger_reserves_the_most_shares_that_could_be_sold(self) -> None:
        desk = Desk(ABC=10)
        desk.do("SET_SELL_AMOUNT", "ABC", 1000, price=150)
        armed = desk.do("SET_SELL_TRIGGER", "ABC", 300)
        assert (armed.shares, armed.needs_price) == (3, False)
        assert desk.shares() == (7, 3)

    def test_the_trigger_needs_an_amount_a_share_and_the_holding(self) -> None:
        desk = Desk(ABC=10)
        assert desk.code("SET_SELL_TRIGGER", "ABC", 100) == Code.NO_SELL_AMOUNT
        desk.do("SET_SELL_AMOUNT", "ABC", 1000, price=150)
        assert desk.code("SET_SELL_TRIGGER", "ABC", 1001) == Code.AMOUNT_TOO_SMALL_FOR_A_SHARE
        assert desk.code("SET_SELL_TRIGGER", "ABC", 90) == Code.INSUFFICIENT_HOLDING
        assert desk.code("SET_SELL_TRIGGER", "ABC", 1000) == Code.OK

    def test_what_an_armed_trigger_holds_is_available_to_arm_it_again(self) -> None:
        desk = Desk(ABC=10)
        desk.do("SET_SELL_AMOUNT", "ABC", 1000, price=150)
        desk.do("SET_SELL_TRIGGER", "ABC", 200)
        assert desk.shares() == (5, 5)
        assert desk.code("SET_SELL_TRIGGER", "ABC", 90) == Code.INSUFFICIENT_HOLDING
        assert desk.shares() == (5, 5)
        assert desk.do("SET_SELL_TRIGGER", "ABC", 100).shares == 10
        assert desk.shares() == (0, 10)
        assert desk.do("SET_SELL_TRIGGER", "ABC", 500).shares == 2
        assert desk.shares() == (8, 2)

    def test_a_cancel_gives_the_reserved_shares_back(self) -> None:
        desk = Desk(ABC=10)
        desk.do("SET_SELL_AMOUNT", "ABC", 1000, price=150)
        desk.do("SET_SELL_TRIGGER", "ABC", 200)
        assert desk.do("CANCEL_SET_SELL", "ABC").shares == 5
        assert desk.shares() == (10, 0)
        assert desk.now["triggers"] == []
        assert desk.code("CANCEL_SET_SELL", "ABC") == Code.NO_SELL_AMOUNT
        assert desk.code("SET_SELL_TRIGGER", "ABC", 100) == Code.NO_SELL_AMOUNT

    def test_both_sides_of_one_symbol_stand_beside_each_other(self) -> None:
        desk = Desk(cash_cents=1000, ABC=10)
        desk.do("SET_BUY_AMOUNT", "ABC", 500)
        desk.do("SET_SELL_AMOUNT", "ABC", 10, price=1)
        desk.do("CANCEL_SET_BUY", "ABC")
        assert [trigger["side"] for trigger in desk.now["triggers"]] == ["sell"]


class TestFiring:
    def test_a_buy_spends_what_it_can_and_the_rest_goes_back_to_cash(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("SET_BUY_AMOUNT", "ABC", 1000)
        desk.do("SET_BUY_TRIGGER", "ABC", 400)
        fired = desk.fire("buy", "ABC", 300)
        assert fired is not None
        assert (fired.shares, fired.total_cents, fired.released_cents) == (3, 900, 100)
        assert desk.money == (100, 0)
        assert desk.shares() == (3, 0)

    def test_a_sell_sells_for_the_amount_and_the_rest_goes_back_to_the_holding(self) -> None:
        desk = Desk(ABC=10)
        desk.do("SET_SELL_AMOUNT", "ABC", 1000, price=150)
        desk.do("SET_SELL_TRIGGER", "ABC", 200)
        fired = desk.fire("sell", "ABC", 300)
        assert fired is not None
        assert (fired.shares, fired.total_cents, fired.released_shares) == (3, 900, 2)
        assert desk.money == (900, 0)
        assert desk.shares() == (7, 0)

    @pytest.mark.parametrize(("price", "fires"), [(399, True), (400, True), (401, False)])
    def test_a_buy_fires_at_or_below_its_price(self, price: int, fires: bool) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("SET_BUY_AMOUNT", "ABC", 1000)
        desk.do("SET_BUY_TRIGGER", "ABC", 400)
        assert (desk.fire("buy", "ABC", price) is not None) is fires

    @pytest.mark.parametrize(("price", "fires"), [(201, True), (200, True), (199, False)])
    def test_a_sell_fires_at_or_above_its_price(self, price: int, fires: bool) -> None:
        desk = Desk(ABC=10)
        desk.do("SET_SELL_AMOUNT", "ABC", 1000, price=150)
        desk.do("SET_SELL_TRIGGER", "ABC", 200)
        assert (desk.fire("sell", "ABC", price) is not None) is fires

    def test_a_trigger_fires_once(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("SET_BUY_AMOUNT", "ABC", 500)
        desk.do("SET_BUY_TRIGGER", "ABC", 400)
        assert desk.fire("buy", "ABC", 300) is not None
        assert desk.now["triggers"] == []
        assert desk.fire("buy", "ABC", 300) is None

    def test_what_is_not_armed_or_not_there_never_fires(self) -> None:
        desk = Desk(cash_cents=1000, ABC=10)
        assert desk.fire("buy", "ABC", 1) is None
        desk.do("SET_BUY_AMOUNT", "ABC", 500)
        desk.do("SET_SELL_AMOUNT", "ABC", 500, price=100)
        assert desk.fire("buy", "ABC", 1) is None
        assert desk.fire("sell", "ABC", 500) is None
        assert desk.oracle.fire("stranger", "buy", "ABC", 1, desk.at_ms) is None

    def test_a_price_of_zero_fires_nothing(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("SET_BUY_AMOUNT", "ABC", 500)
        desk.do("SET_BUY_TRIGGER", "ABC", 400)
        assert desk.fire("buy", "ABC", 0) is None

    def test_a_buy_that_cannot_pay_for_one_share_stays_armed(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("SET_BUY_AMOUNT", "ABC", 300)
        desk.do("SET_BUY_TRIGGER", "ABC", 400)
        assert desk.fire("buy", "ABC", 301) is None
        assert desk.money == (700, 300)
        assert desk.fire("buy", "ABC", 300) is not None

    def test_a_sell_whose_amount_is_less_than_one_share_stays_armed(self) -> None:
        desk = Desk(ABC=10)
        desk.do("SET_SELL_AMOUNT", "ABC", 1000, price=150)
        desk.do("SET_SELL_TRIGGER", "ABC", 200)
        assert desk.fire("sell", "ABC", 1001) is None
        assert desk.shares() == (5, 5)
        assert desk.fire("sell", "ABC", 1000) is not None

    def test_a_sell_that_would_make_the_money_too_large_stays_armed(self) -> None:
        desk = Desk(cash_cents=1)
        desk.set_near_the_limit(cash_cents=INT64_MAX - 99, ABC=10)
        desk.do("SET_SELL_AMOUNT", "ABC", 100, price=100)
        desk.do("SET_SELL_TRIGGER", "ABC", 100)
        desk.do("SET_BUY_AMOUNT", "XYZ", 50)
        assert desk.fire("sell", "ABC", 100) is None
        desk.set_near_the_limit(cash_cents=INT64_MAX - 150)
        assert desk.fire("sell", "ABC", 100) is not None
        assert sum(desk.money) == INT64_MAX

    def test_a_buy_that_would_make_the_holding_too_large_stays_armed(self) -> None:
        desk = Desk(cash_cents=1)
        desk.set_near_the_limit(cash_cents=100, ABC=INT64_MAX - 4)
        desk.do("SET_BUY_AMOUNT", "ABC", 50)
        desk.do("SET_BUY_TRIGGER", "ABC", 10)
        assert desk.fire("buy", "ABC", 10) is None
        desk.do("SET_BUY_AMOUNT", "ABC", 40)
        assert desk.fire("buy", "ABC", 10) is not None
