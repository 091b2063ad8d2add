"""What the oracle makes of pending orders: BUY, SELL, their COMMIT, CANCEL and lapse (SPEC section
1).
"""

import pytest

from protocol.errors import Code
from tests.generator.desk import INT64_MAX, START_MS, Desk


class TestBuying:
    def test_a_buy_reserves_the_cost_of_whole_shares_only(self) -> None:
        desk = Desk(cash_cents=1000)
        bought = desk.do("BUY", "ABC", 1000, price=300)
        assert (bought.shares, bought.total_cents, bought.price_cents) == (3, 900, 300)
        assert bought.valid_until_ms == START_MS + 60_000
        assert desk.money == (100, 900)
        assert desk.shares() == (0, 0)

    def test_the_cash_must_cover_the_amount_even_where_the_cost_is_less(self) -> None:
        assert Desk(cash_cents=999).code("BUY", "ABC", 1000, price=300) == Code.INSUFFICIENT_FUNDS

    def test_one_share_at_exactly_the_amount_is_affordable(self) -> None:
        assert Desk(cash_cents=300).do("BUY", "ABC", 300, price=300).shares == 1

    def test_a_commit_spends_the_reserve_and_brings_the_shares(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("BUY", "ABC", 1000, price=300)
        committed = desk.do("COMMIT_BUY")
        assert (committed.shares, committed.total_cents) == (3, 900)
        assert not committed.needs_price
        assert desk.money == (100, 0)
        assert desk.shares() == (3, 0)

    def test_a_cancel_gives_the_reserve_back(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("BUY", "ABC", 1000, price=300)
        assert desk.do("CANCEL_BUY").total_cents == 900
        assert desk.money == (1000, 0)

    @pytest.mark.parametrize("settle", ["COMMIT_BUY", "CANCEL_BUY"])
    def test_nothing_is_settled_twice(self, settle: str) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("BUY", "ABC", 1000, price=300)
        assert desk.do(settle).accepted
        assert desk.code("COMMIT_BUY") == Code.NO_PENDING_BUY
        assert desk.code("CANCEL_BUY") == Code.NO_PENDING_BUY

    def test_a_commit_that_would_make_the_holding_too_large_leaves_the_order_pending(self) -> None:
        """Free shares, those in pending sells and those of an armed trigger count together."""
        desk = Desk(cash_cents=1)
        desk.set_near_the_limit(cash_cents=100, ABC=INT64_MAX - 3)
        desk.do("SELL", "ABC", 10, price=1)
        desk.do("SET_SELL_AMOUNT", "ABC", 10, price=1)
        desk.do("SET_SELL_TRIGGER", "ABC", 1)
        desk.do("BUY", "ABC", 4, price=1)
        assert desk.code("COMMIT_BUY") == Code.SUM_TOO_LARGE
        assert len(desk.now["pending_buys"]) == 1
        desk.do("CANCEL_BUY")
        desk.do("BUY", "ABC", 3, price=1)
        assert desk.code("COMMIT_BUY") == Code.OK


class TestSelling:
    def test_a_sell_reserves_the_shares(self) -> None:
        desk = Desk(ABC=10)
        sold = desk.do("SELL", "ABC", 1000, price=300)
        assert (sold.shares, sold.total_cents, sold.price_cents) == (3, 900, 300)
        assert sold.valid_until_ms == START_MS + 60_000
        assert desk.money == (0, 0)
        assert desk.shares() == (7, 3)

    def test_a_commit_pays_at_the_price_of_the_sell(self) -> None:
        desk = Desk(ABC=10)
        desk.do("SELL", "ABC", 1000, price=300)
        committed = desk.do("COMMIT_SELL", price=999)
        assert (committed.shares, committed.total_cents) == (3, 900)
        assert desk.money == (900, 0)
        assert desk.shares() == (7, 0)

    def test_a_cancel_gives_the_shares_back(self) -> None:
        desk = Desk(ABC=10)
        desk.do("SELL", "ABC", 1000, price=300)
        assert desk.do("CANCEL_SELL").shares == 3
        assert desk.shares() == (10, 0)

    @pytest.mark.parametrize("settle", ["COMMIT_SELL", "CANCEL_SELL"])
    def test_nothing_is_settled_twice(self, settle: str) -> None:
        desk = Desk(ABC=10)
        desk.do("SELL", "ABC", 1000, price=300)
        assert desk.do(settle).accepted
        assert desk.code("COMMIT_SELL") == Code.NO_PENDING_SELL
        assert desk.code("CANCEL_SELL") == Code.NO_PENDING_SELL

    def test_a_sell_never_takes_more_than_is_free(self) -> None:
        desk = Desk(ABC=10)
        desk.do("SELL", "ABC", 6, price=1)
        assert desk.code("SELL", "ABC", 5, price=1) == Code.INSUFFICIENT_HOLDING
        assert desk.code("SELL", "ABC", 4, price=1) == Code.OK

    def test_a_commit_that_would_make_the_money_too_large_leaves_the_order_pending(self) -> None:
        desk = Desk(cash_cents=1)
        desk.set_near_the_limit(cash_cents=INT64_MAX - 9, ABC=100)
        desk.do("SELL", "ABC", 10, price=10)
        assert desk.code("COMMIT_SELL") == Code.SUM_TOO_LARGE
        assert len(desk.now["pending_sells"]) == 1
        desk.do("BUY", "ABC", 10, price=10)
        assert desk.code("COMMIT_SELL") == Code.SUM_TOO_LARGE
        desk.do("COMMIT_BUY")
        assert desk.code("COMMIT_SELL") == Code.OK


class TestPendingOrders:
    @pytest.mark.parametrize(
        ("side", "settle", "holding_of_b", "money"),
        [
            ("BUY", "COMMIT", 125, (650, 100)),
            ("BUY", "CANCEL", 100, (900, 100)),
            ("SELL", "COMMIT", 75, (1250, 0)),
            ("SELL", "CANCEL", 100, (1000, 0)),
        ],
    )
    def test_a_commit_or_cancel_takes_the_newest_whatever_its_symbol(
        self, side: str, settle: str, holding_of_b: int, money: tuple[int, int]
    ) -> None:
        desk = Desk(cash_cents=1000, A=100, B=100)
        desk.do(side, "A", 100, price=10)
        desk.do(side, "B", 250, price=10)
        assert desk.do(f"{settle}_{side}").accepted
        pending = desk.now["pending_buys"] + desk.now["pending_sells"]
        assert [order.symbol for order in pending] == ["A"]
        assert desk.now["holdings"]["B"] == holding_of_b
        assert desk.money == money

    def test_the_newest_stands_last_in_the_snapshot(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("BUY", "A", 100, price=10)
        desk.do("BUY", "B", 200, price=10)
        assert [order.symbol for order in desk.now["pending_buys"]] == ["A", "B"]

    def test_buys_and_sells_are_two_stacks(self) -> None:
        desk = Desk(cash_cents=100, ABC=10)
        desk.do("BUY", "ABC", 100, price=10)
        desk.do("SELL", "ABC", 100, price=10)
        assert desk.do("CANCEL_BUY").accepted
        assert desk.code("COMMIT_BUY") == Code.NO_PENDING_BUY
        assert desk.do("COMMIT_SELL").accepted

    @pytest.mark.parametrize("side", ["BUY", "SELL"])
    def test_an_order_is_valid_at_60_000_ms_and_lapsed_one_later(self, side: str) -> None:
        for age_ms, accepted in ((60_000, True), (60_001, False)):
            desk = Desk(cash_cents=100, ABC=10)
            desk.do(side, "ABC", 100, price=10)
            desk.at_ms += age_ms
            assert desk.do(f"COMMIT_{side}").accepted is accepted

    def test_an_older_order_is_left_for_the_next_commit_while_its_own_time_lasts(self) -> None:
        desk = Desk(cash_cents=300)
        desk.do("BUY", "A", 100, price=10)
        desk.at_ms += 30_000
        desk.do("BUY", "B", 100, price=10)
        desk.at_ms += 30_001
        lapsed = desk.do("COMMIT_BUY").lapses
        assert [order.symbol for order in lapsed] == ["A"]
        assert desk.now["holdings"] == {"B": 10}
        assert desk.money == (200, 0)

    @pytest.mark.parametrize(
        ("name", "arguments"),
        [
            ("COMMIT_BUY", ()),
            ("BUY", ("ABC", -1)),
            ("SELL", ("bad!", 1)),
            ("DISPLAY_SUMMARY", ()),
            ("DUMPLOG", ("",)),
            ("QUOTE", ("ABC",)),
        ],
    )
    def test_overdue_orders_of_both_sides_lapse_before_any_command_even_a_refused_one(
        self, name: str, arguments: tuple[str | int, ...]
    ) -> None:
        desk = Desk(cash_cents=100, ABC=10)
        desk.do("SELL", "ABC", 100, price=10)
        desk.at_ms += 1
        desk.do("BUY", "ABC", 100, price=10)
        desk.at_ms += 60_001
        assert [order.side for order in desk.do(name, *arguments).lapses] == ["sell", "buy"]
        assert desk.money == (100, 0)
        assert desk.shares() == (10, 0)
        assert desk.do(name, *arguments).lapses == []

    def test_money_that_a_lapse_gives_back_can_be_spent_by_the_command_after_it(self) -> None:
        desk = Desk(cash_cents=100)
        desk.do("BUY", "ABC", 100, price=10)
        desk.at_ms += 60_000
        assert desk.code("BUY", "ABC", 100, price=10) == Code.INSUFFICIENT_FUNDS
        desk.at_ms += 1
        assert desk.code("BUY", "ABC", 100, price=10) == Code.OK

    @pytest.mark.parametrize("side", ["BUY", "SELL"])
    def test_there_are_at_most_1000_pending_orders_per_side(self, side: str) -> None:
        """Judged before the funds, after the amount, and after overdue orders lapsed."""
        desk = Desk(cash_cents=1000, ABC=1000)
        for _ in range(1000):
            assert desk.do(side, "ABC", 1, price=1).accepted
        assert desk.code(side, "ABC", 1) == Code.TOO_MANY_PENDING
        assert desk.code(side, "ABC", 0) == Code.BAD_AMOUNT
        desk.at_ms += 60_001
        assert desk.do(side, "ABC", 1, price=1).accepted
