"""Prices that the trigger service asks for are billed once each: SPEC section 4, "Hits"."""

from ledger.entry import Cause, decode_entry
from protocol.messages import QuoteRequest
from tests.trigger.floor import STEP_S, Floor
from tests.trigger.shaky_store import Loss, done

WINDOW_S = 60.0 + STEP_S


def test_a_hit_bears_the_number_of_the_oldest_trigger_and_is_nobodys_doing(floor: Floor) -> None:
    oldest = floor.arm_buy("zoe", "ABC", 1000, 50)
    floor.advance(STEP_S)
    floor.arm_buy("ann", "ABC", 1000, 60)
    floor.open_desk()
    (hit,) = floor.entries(Cause.HIT)
    assert (hit.user, hit.transaction_num) == ("", oldest.transaction_num)
    assert (hit.kind, hit.symbol, hit.price_cents) == (QuoteRequest.KIND, "ABC", 100)
    assert hit.quote == floor.board.answers[0]
    assert hit.quote.asker == "zoe"


def test_each_window_costs_one_hit_and_each_hit_is_billed_once(floor: Floor) -> None:
    floor.arm_buy("ann", "ABC", 1000, 50)
    floor.arm_buy("bob", "ABC", 1000, 40)
    floor.arm_sell("ann", "XYZ", 1000, 900)
    floor.open_desk()
    floor.advance(5 * WINDOW_S)
    assert sorted(quote.symbol for quote in floor.board.answers) == ["ABC"] * 6 + ["XYZ"] * 6
    floor.assert_one_hit_per_window()
    floor.assert_hits_are_billed_once()


def test_a_hit_whose_triggers_were_cancelled_on_its_way_is_billed_all_the_same(
    floor: Floor,
) -> None:
    floor.board.delay_s = 2.0
    floor.open_desk()
    armed = floor.arm_buy("ann", "ABC", 1000, 50)
    floor.advance(1.0)
    floor.node.do("CANCEL_SET_BUY", "ann", "ABC")
    floor.advance(2 * WINDOW_S)
    (hit,) = floor.entries(Cause.HIT)
    assert hit.transaction_num == armed.transaction_num
    floor.assert_hits_are_billed_once()


def test_a_hit_that_came_while_the_store_was_away_is_billed_when_it_is_back(floor: Floor) -> None:
    floor.arm_buy("ann", "ABC", 1000, 50)
    desk = floor.open_desk()
    floor.advance(WINDOW_S - 1.0)
    desk.store.is_away = True
    floor.advance(5.0)
    assert len(floor.board.answers) == 2
    assert len(floor.entries(Cause.HIT)) == 1
    desk.store.is_away = False
    floor.advance(15.0)
    floor.assert_hits_are_billed_once()


def test_a_hit_of_which_nobody_knows_whether_it_was_billed_is_billed_once(floor: Floor) -> None:
    desk = floor.open_desk()
    desk.store.next_losses = [Loss.AFTER_COMMIT]
    floor.arm_buy("ann", "ABC", 1000, 50)
    floor.advance(STEP_S)
    desk.store.next_losses = [Loss.BEFORE_COMMIT]
    floor.arm_buy("ann", "XYZ", 1000, 50)
    floor.advance(30.0)
    assert {entry.symbol for entry in floor.entries(Cause.HIT)} == {"ABC", "XYZ"}
    floor.assert_hits_are_billed_once()


def test_all_entries_of_the_stream_go_on_to_the_audit_daemon_in_order(floor: Floor) -> None:
    for number in range(8):
        floor.arm_buy(f"u{number}", "ABC", 1000, 95 + number)
        floor.arm_sell(f"u{number}", "XYZ", 1000, 195 + number)
    desk = floor.open_desk()
    floor.board.prices["ABC"] = 96
    floor.advance(2 * WINDOW_S)
    causes = {decode_entry(entry).cause for entry in desk.journalled}
    assert causes == {Cause.HIT, Cause.FIRING}
    assert desk.shipped.gaps == []
    assert desk.shipped.entries == desk.journalled


def test_a_service_started_anew_goes_on_where_its_stream_ended(floor: Floor) -> None:
    floor.arm_buy("ann", "ABC", 1000, 50)
    first = floor.open_desk()
    floor.advance(WINDOW_S)
    done(first.service.stop())
    second = floor.open_desk()
    floor.advance(WINDOW_S)
    assert len(second.journalled) == 4
    assert second.shipped.gaps == []
    assert second.shipped.entries == second.journalled
    floor.assert_hits_are_billed_once()
