"""Prices that the trigger service asks for: one a window; whoever gives them tells the bill.

SPEC section 4, "Hits".
"""

from ledger.entry import Cause, decode_entry
from protocol.quote import Quote
from quote_proxy.source import HeldQuote
from tests.trigger.floor import STEP_S, Floor
from tests.trigger.shaky_store import done

WINDOW_S = 60.0 + STEP_S


def test_a_price_is_asked_for_in_the_name_and_by_the_number_of_the_oldest_trigger(
    floor: Floor,
) -> None:
    oldest = floor.arm_buy("zoe", "ABC", 1000, 50)
    floor.advance(STEP_S)
    floor.arm_buy("ann", "ABC", 1000, 60)
    desk = floor.open_desk()
    assert floor.board.asked == [("ABC", "zoe")]
    assert floor.board.numbers == [oldest.transaction_num]
    assert desk.feed.watched == {"ABC": ("zoe", oldest.transaction_num)}


def test_each_window_costs_one_hit_and_the_ledger_tells_none(floor: Floor) -> None:
    floor.arm_buy("ann", "ABC", 1000, 50)
    floor.arm_buy("bob", "ABC", 1000, 40)
    floor.arm_sell("ann", "XYZ", 1000, 900)
    floor.open_desk()
    floor.advance(5 * WINDOW_S)
    assert sorted(quote.symbol for quote in floor.board.answers) == ["ABC"] * 6 + ["XYZ"] * 6
    floor.assert_one_hit_per_window()
    assert floor.entries(Cause.HIT) == []


def test_a_price_that_is_pushed_fires_what_it_meets_and_costs_no_question(floor: Floor) -> None:
    floor.arm_buy("ann", "ABC", 1000, 90)
    desk = floor.open_desk()
    floor.advance(20.0)
    pushed = Quote("ABC", 90, floor.now_ms(), "pushed=", "eve")
    desk.service.quotes.offer(HeldQuote(pushed, 60_000))
    floor.advance(STEP_S)
    (firing,) = floor.entries(Cause.FIRING)
    assert (firing.quote, firing.price_cents) == (pushed, 90)
    assert len(floor.board.asked) == 1


def test_a_price_that_is_pushed_after_the_stop_fires_nothing(floor: Floor) -> None:
    floor.arm_buy("ann", "ABC", 1000, 90)
    desk = floor.open_desk()
    done(desk.service.stop())
    late = Quote("ABC", 90, floor.now_ms() + 1, "late=", "eve")
    desk.service.quotes.offer(HeldQuote(late, 60_001))
    floor.advance(WINDOW_S)
    assert floor.entries(Cause.FIRING) == []


def test_a_symbol_whose_triggers_were_cancelled_is_watched_no_more(floor: Floor) -> None:
    desk = floor.open_desk()
    floor.arm_buy("ann", "ABC", 1000, 50)
    floor.advance(1.0)
    assert list(desk.feed.watched) == ["ABC"]
    floor.node.do("CANCEL_SET_BUY", "ann", "ABC")
    floor.advance(2 * WINDOW_S)
    assert desk.feed.watched == {}
    assert len(floor.board.answers) == 1


def test_all_entries_of_the_stream_go_on_to_the_audit_daemon_in_order(floor: Floor) -> None:
    for number in range(8):
        floor.arm_buy(f"u{number}", "ABC", 1000, 95 + number)
        floor.arm_sell(f"u{number}", "XYZ", 1000, 195 + number)
    desk = floor.open_desk()
    floor.board.prices["ABC"] = 96
    floor.advance(2 * WINDOW_S)
    causes = {decode_entry(entry).cause for entry in desk.journalled}
    assert causes == {Cause.FIRING}
    assert desk.shipped.gaps == []
    assert desk.shipped.entries == desk.journalled


def test_a_service_started_anew_goes_on_where_its_stream_ended(floor: Floor) -> None:
    floor.arm_buy("ann", "ABC", 1000, 100)
    first = floor.open_desk()
    floor.advance(WINDOW_S)
    done(first.service.stop())
    floor.arm_buy("bob", "ABC", 1000, 100)
    second = floor.open_desk()
    floor.advance(WINDOW_S)
    assert len(second.journalled) == 2
    assert second.shipped.gaps == []
    assert second.shipped.entries == second.journalled
