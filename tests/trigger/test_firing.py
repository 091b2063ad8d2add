"""The trigger service fires what prices meet: SPEC section 1, "Firing"."""

import pytest

from ledger.account import Side
from ledger.entry import Cause
from ledger.memory_store import MemoryStore
from ledger.store import AccountsAnnounced
from tests.trigger.floor import STEP_S, Floor
from tests.trigger.shaky_store import done
from trigger import trading
from trigger.trading import RESYNC_S

WINDOW_S = 60.0 + STEP_S
"""After this long a price is asked for anew."""


def test_triggers_armed_before_the_start_are_found(floor: Floor) -> None:
    floor.arm_buy("ann", "ABC", 1000, 100)
    floor.arm_buy("bob", "XYZ", 1000, 199)
    floor.open_desk()
    assert [entry.user for entry in floor.entries(Cause.FIRING)] == ["ann"]
    assert sorted(floor.board.asked) == [("ABC", "ann"), ("XYZ", "bob")]


def test_an_announced_trigger_is_heard_at_once(floor: Floor) -> None:
    floor.open_desk()
    floor.arm_buy("ann", "ABC", 1000, 100)
    floor.advance(STEP_S)
    assert len(floor.entries(Cause.FIRING, "ann")) == 1


def test_a_trigger_whose_announcement_was_lost_is_found_by_the_next_resync(floor: Floor) -> None:
    floor.open_desk()
    floor.arm_buy("ann", "ABC", 1000, 100, announced=False)
    floor.advance(RESYNC_S - 2 * STEP_S)
    assert floor.board.asked == []
    floor.advance(2 * STEP_S)
    assert len(floor.entries(Cause.FIRING, "ann")) == 1


def test_what_is_known_is_not_read_again_and_again(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at the ledger costs what is new, and a share of the rest that does not grow."""
    monkeypatch.setattr(trading, "CHECKED_MAX", 5)
    for number in range(100):
        floor.arm_buy(f"u{number}", "ABC", 1000, 50)
    floor.advance(trading.ARMED_BEFORE_MS / 1000 + 1.0)
    desk = floor.open_desk()
    assert desk.store.triggers_read == 100
    floor.advance(4 * RESYNC_S)
    assert desk.store.triggers_read == 100 + 4 * 5
    floor.arm_buy("new", "XYZ", 1000, 50, announced=False)
    floor.advance(RESYNC_S)
    assert desk.store.triggers_read == 100 + 5 * 5 + 1
    assert len(desk.service.book) == 101


def test_only_what_a_price_left_armed_is_read_again_after_a_firing(floor: Floor) -> None:
    floor.arm_buy("ann", "ABC", 1000, 100)
    floor.arm_buy("bob", "ABC", 95, 100)  # it buys no whole share
    desk = floor.open_desk()
    assert [entry.user for entry in floor.entries(Cause.FIRING)] == ["ann"]
    assert desk.store.triggers_read == 2 + 1
    assert len(desk.service.book) == 1


def test_all_are_read_again_where_announcements_were_missed(floor: Floor) -> None:
    for number in range(10):
        floor.arm_buy(f"u{number}", "ABC", 1000, 50)
    desk = floor.open_desk()
    before = desk.store.triggers_read
    desk.subscriptions[0].is_closed = True
    floor.advance(RESYNC_S)
    assert desk.store.triggers_read == before + 10


def test_what_fires_is_announced_to_the_nodes_with_the_accounts_newest_entry(
    floor: Floor,
) -> None:
    heard: list[AccountsAnnounced] = []
    done(MemoryStore(floor.ledger).listen_accounts(heard.append))
    floor.open_desk()
    floor.arm_buy("ann", "ABC", 1000, 100)
    floor.advance(STEP_S)
    (fired,) = floor.entries(Cause.FIRING)
    assert heard == [AccountsAnnounced("triggers-1/0", {"ann": fired.seq}, [])]


def test_an_announced_cancellation_ends_the_watch_at_once(floor: Floor) -> None:
    """The price lapses between the cancellation and the next resync, and is not asked for."""
    floor.open_desk()
    floor.advance(RESYNC_S / 2)
    floor.arm_buy("ann", "ABC", 1000, 50)
    floor.advance(WINDOW_S - 1.0)
    floor.node.do("CANCEL_SET_BUY", "ann", "ABC")
    floor.advance(WINDOW_S)
    assert floor.board.asked == [("ABC", "ann")]


def test_it_listens_anew_after_the_line_of_announcements_broke(floor: Floor) -> None:
    desk = floor.open_desk()
    desk.subscriptions[0].is_closed = True
    floor.advance(RESYNC_S)
    floor.arm_buy("ann", "ABC", 1000, 100)
    floor.advance(STEP_S)
    assert len(floor.entries(Cause.FIRING, "ann")) == 1
    floor.advance(3 * RESYNC_S)
    assert len(desk.subscriptions) == 2


@pytest.mark.parametrize(("price", "fires"), [(101, False), (100, True), (99, True)])
def test_a_buy_fires_at_its_price_or_below(floor: Floor, price: int, fires: bool) -> None:
    floor.arm_buy("ann", "ABC", 1000, 100)
    floor.board.prices["ABC"] = price
    floor.open_desk()
    assert len(floor.entries(Cause.FIRING)) == fires


@pytest.mark.parametrize(("price", "fires"), [(149, False), (150, True), (151, True)])
def test_a_sell_fires_at_its_price_or_above(floor: Floor, price: int, fires: bool) -> None:
    floor.arm_sell("ann", "ABC", 1000, 150)
    floor.board.prices["ABC"] = price
    floor.open_desk()
    assert len(floor.entries(Cause.FIRING)) == fires


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, 90), (Side.SELL, 110)])
def test_a_price_that_comes_to_meet_it_fires_within_one_window(
    floor: Floor, side: Side, price: int
) -> None:
    floor.arm(side, "ann", "ABC", 1000, price)
    floor.open_desk()
    floor.advance(10.0)
    floor.board.prices["ABC"] = price
    floor.advance(WINDOW_S - 10.0 - 2 * STEP_S)
    assert floor.entries(Cause.FIRING) == []
    floor.advance(3 * STEP_S)
    assert len(floor.entries(Cause.FIRING)) == 1


@pytest.mark.parametrize("side", Side)
def test_it_fires_once_and_then_nobody_asks_for_its_price(floor: Floor, side: Side) -> None:
    desk = floor.open_desk()
    floor.arm(side, "ann", "ABC", 1000, 100)
    floor.advance(4 * WINDOW_S)
    assert len(floor.entries(Cause.FIRING)) == 1
    assert desk.service.firing.fired == 1
    assert len(floor.board.asked) == 1
    assert len(desk.service.book) == 0


def test_a_price_that_is_held_already_fires_what_is_armed_next(floor: Floor) -> None:
    floor.open_desk()
    floor.arm_buy("ann", "ABC", 1000, 100)
    floor.advance(30.0)
    floor.arm_buy("bob", "ABC", 1000, 100)
    floor.advance(STEP_S)
    assert len(floor.entries(Cause.FIRING, "bob")) == 1
    assert floor.board.asked == [("ABC", "ann")]


def test_everybody_whom_a_price_meets_fires_and_nobody_else(floor: Floor) -> None:
    """More users than one transaction takes."""
    for number in range(120):
        floor.arm_buy(f"u{number:03}", "ABC", 1000, 100 if number % 3 else 99)
    floor.open_desk()
    fired = [entry.user for entry in floor.entries(Cause.FIRING)]
    assert sorted(fired) == [f"u{number:03}" for number in range(120) if number % 3]


def test_one_user_may_fire_on_both_sides_at_one_price(floor: Floor) -> None:
    floor.arm_sell("ann", "ABC", 1000, 100)
    floor.arm_buy("ann", "ABC", 1000, 100)
    floor.open_desk()
    assert len(floor.entries(Cause.FIRING, "ann")) == 2
    assert floor.account("ann").buy_triggers == floor.account("ann").sell_triggers == {}


def test_what_a_buy_leaves_over_goes_back_to_cash(floor: Floor) -> None:
    floor.arm_buy("ann", "ABC", 1050, 100)
    floor.board.prices["ABC"] = 99
    floor.open_desk()
    ann = floor.account("ann")
    assert (ann.cash_cents, ann.reserve_cents) == (1050 - 10 * 99, 0)
    assert ann.holdings == {"ABC": 10}


def test_shares_that_a_sell_leaves_over_go_back_to_the_holding(floor: Floor) -> None:
    floor.arm_sell("ann", "ABC", 1000, 100)
    floor.board.prices["ABC"] = 300
    floor.open_desk()
    ann = floor.account("ann")
    assert (ann.cash_cents, ann.holdings) == (900, {"ABC": 7})
    assert ann.reserved_shares("ABC") == 0


def test_one_that_buys_no_whole_share_stays_armed_until_it_does(floor: Floor) -> None:
    floor.arm_buy("ann", "ABC", 95, 100)
    desk = floor.open_desk()
    floor.advance(WINDOW_S)
    assert floor.entries(Cause.FIRING) == []
    assert len(desk.service.book) == 1
    floor.board.prices["ABC"] = 95
    floor.advance(WINDOW_S)
    assert [entry.shares for entry in floor.entries(Cause.FIRING)] == [1]


def test_one_that_sells_no_whole_share_stays_armed_until_it_does(floor: Floor) -> None:
    floor.arm_sell("ann", "ABC", 1000, 200)
    floor.board.prices["ABC"] = 1001
    floor.open_desk()
    floor.advance(WINDOW_S)
    assert floor.entries(Cause.FIRING) == []
    floor.board.prices["ABC"] = 1000
    floor.advance(WINDOW_S)
    assert [entry.shares for entry in floor.entries(Cause.FIRING)] == [1]


class TestChangedMeanwhile:
    """The price is on its way to the ledger, or the news was lost, when the user thinks again."""

    def test_a_cancelled_one_does_not_fire(self, floor: Floor) -> None:
        desk = floor.open_desk()
        desk.store.delay_s = 1.0
        floor.arm_buy("ann", "ABC", 1000, 100)
        floor.advance(1.5)
        assert desk.store.writes > 0
        floor.node.do("CANCEL_SET_BUY", "ann", "ABC")
        floor.advance(WINDOW_S)
        assert floor.entries(Cause.FIRING) == []
        assert floor.account("ann").cash_cents == 1000
        assert len(desk.service.book) == 0

    def test_one_set_to_another_price_fires_at_that_one(self, floor: Floor) -> None:
        desk = floor.open_desk()
        desk.store.delay_s = 1.0
        floor.arm_buy("ann", "ABC", 1000, 100)
        floor.advance(1.5)
        assert desk.store.writes > 0
        floor.node.do("SET_BUY_TRIGGER", "ann", "ABC", 80)
        floor.advance(WINDOW_S)
        assert floor.entries(Cause.FIRING) == []
        floor.board.prices["ABC"] = 80
        floor.advance(WINDOW_S + 5.0)
        (fired,) = floor.entries(Cause.FIRING)
        assert (fired.price_cents, fired.shares) == (80, 12)

    def test_one_whose_amount_was_replaced_fires_with_the_new_amount(self, floor: Floor) -> None:
        floor.arm_buy("ann", "ABC", 1000, 90)
        floor.open_desk()
        floor.node.do("SET_BUY_AMOUNT", "ann", "ABC", 200, announced=False)
        floor.board.prices["ABC"] = 90
        floor.advance(WINDOW_S)
        assert [entry.shares for entry in floor.entries(Cause.FIRING)] == [2]
        assert floor.account("ann").cash_cents == 1000 - 180

    def test_a_sell_disarmed_by_a_new_amount_does_not_fire(self, floor: Floor) -> None:
        floor.arm_sell("ann", "ABC", 1000, 110)
        floor.open_desk()
        floor.node.do("SET_SELL_AMOUNT", "ann", "ABC", 500, announced=False)
        floor.board.prices["ABC"] = 110
        floor.advance(WINDOW_S)
        assert floor.entries(Cause.FIRING) == []
        floor.node.do("SET_SELL_TRIGGER", "ann", "ABC", 110)
        floor.advance(STEP_S)
        assert [entry.shares for entry in floor.entries(Cause.FIRING)] == [4]
