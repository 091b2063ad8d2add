"""The trigger service when the ledger, the quote server or another service gives it trouble."""

import pytest
from twisted.internet.defer import Deferred

from ledger.entry import Cause
from ledger.store import StoreUnavailable
from tests.trigger.floor import STEP_S, Floor
from tests.trigger.shaky_store import Loss, done
from trigger.trading import RESYNC_S
from trigger.watch import RETRY_S

WINDOW_S = 60.0 + STEP_S


def test_it_does_not_start_without_the_store(floor: Floor) -> None:
    desk = floor.open_desk("other")
    done(desk.service.stop())
    desk.store.is_away = True
    with pytest.raises(StoreUnavailable):
        done(desk.service.start())


def test_a_trigger_met_while_the_store_was_away_fires_once_when_it_is_back(floor: Floor) -> None:
    floor.arm_buy("ann", "ABC", 1000, 90)
    desk = floor.open_desk()
    desk.store.is_away = True
    floor.board.prices["ABC"] = 90
    floor.advance(2 * WINDOW_S)
    assert floor.entries(Cause.FIRING) == []
    desk.store.is_away = False
    floor.advance(RESYNC_S + STEP_S)
    assert len(floor.entries(Cause.FIRING)) == 1
    floor.advance(WINDOW_S)
    assert len(floor.entries(Cause.FIRING)) == 1


@pytest.mark.parametrize("loss", Loss)
def test_a_trigger_of_which_nobody_knows_whether_it_fired_fires_once(
    floor: Floor, loss: Loss
) -> None:
    desk = floor.open_desk()
    floor.arm_buy("ann", "ABC", 1000, 90)
    floor.advance(STEP_S)
    desk.store.next_losses = [loss]
    floor.arm_buy("bob", "ABC", 1000, 100)
    floor.advance(STEP_S)
    assert desk.store.next_losses == []
    assert len(floor.entries(Cause.FIRING)) == (loss is Loss.AFTER_COMMIT)
    floor.advance(RESYNC_S + STEP_S)
    floor.board.prices["ABC"] = 90
    floor.advance(WINDOW_S)
    assert [entry.user for entry in floor.entries(Cause.FIRING)] == ["bob", "ann"]
    assert desk.shipped.gaps == []
    assert desk.shipped.entries == desk.journalled


@pytest.mark.parametrize("loss", Loss)
def test_writes_that_waited_behind_a_lost_one_are_not_taken_for_an_old_writers(
    floor: Floor, loss: Loss
) -> None:
    """The stream is taken anew by one write, between two others, or they would fence each other."""
    desk = floor.open_desk()
    desk.store.delay_s = 0.5
    desk.store.next_losses = [loss, loss]
    for number in range(5):
        floor.arm_buy(f"u{number}", "ABC" if number % 2 else "XYZ", 1000, 500)
    floor.advance(2 * RESYNC_S)
    assert desk.fencings == 0
    assert len(floor.entries(Cause.FIRING)) == 5
    assert desk.service.health().ready


def test_health_tells_that_the_stream_is_not_known_until_it_is_taken_anew(floor: Floor) -> None:
    desk = floor.open_desk()
    assert desk.service.health().ready
    desk.store.next_losses = [Loss.AFTER_COMMIT]
    floor.arm_buy("ann", "ABC", 1000, 100)
    floor.advance(STEP_S)
    desk.store.is_away = True
    floor.advance(RESYNC_S)
    assert not desk.service.health().ready
    desk.store.is_away = False
    floor.advance(RESYNC_S)
    assert desk.service.health().ready


def test_a_price_that_was_not_to_be_had_fires_when_it_is(floor: Floor) -> None:
    floor.board.silent.add("ABC")
    floor.arm_buy("ann", "ABC", 1000, 100)
    floor.open_desk()
    floor.advance(5 * RETRY_S)
    floor.board.silent.clear()
    floor.advance(RETRY_S + STEP_S)
    assert len(floor.entries(Cause.FIRING)) == 1


def test_an_error_of_ours_is_logged_and_the_rest_goes_on(floor: Floor, failures: list[str]) -> None:
    floor.open_desk()
    floor.arm_buy("ann", "ABC", 1000, 50)
    floor.ledger.accounts["ann"].buy_triggers["ABC"] = None  # type: ignore[assignment]
    floor.advance(RESYNC_S)
    assert failures
    failures.clear()
    del floor.ledger.accounts["ann"].buy_triggers["ABC"]
    floor.arm_buy("bob", "XYZ", 1000, 200)
    floor.advance(RESYNC_S)
    assert len(floor.entries(Cause.FIRING, "bob")) == 1


class TestFenced:
    """Another service of the same name has taken the stream."""

    def test_the_old_one_says_so_once_and_does_nothing_more(self, floor: Floor) -> None:
        old = floor.open_desk()
        floor.arm_buy("ann", "ABC", 1000, 100)
        new = floor.open_desk()
        floor.arm_buy("bob", "XYZ", 1000, 200)
        floor.advance(STEP_S)
        assert (old.fencings, new.fencings) == (1, 0)
        writes = old.store.writes
        asked = len(floor.board.asked)
        floor.arm_buy("ann", "XYZ", 1000, 50)
        floor.node.do("ADD", "eve", 1000)
        floor.node.do("BUY", "eve", "ABC", 500)
        floor.advance(3 * WINDOW_S)
        assert (old.fencings, old.store.writes) == (1, writes)
        assert len(floor.board.asked) == asked + 3
        assert len(floor.entries(Cause.FIRING)) == 2
        assert len(floor.entries(Cause.LAPSE)) == 1


class TestStopped:
    """A service is stopped in order: what it has begun to write it finishes, and no more."""

    def test_a_write_under_way_is_waited_for(self, floor: Floor) -> None:
        desk = floor.open_desk()
        desk.store.delay_s = 1.0
        floor.arm_buy("ann", "ABC", 1000, 100)
        floor.advance(1.5)
        stopped: list[None] = []
        Deferred.fromCoroutine(desk.service.stop()).addCallback(stopped.append)
        floor.advance(STEP_S)
        assert stopped == []
        floor.advance(5.0)
        assert stopped == [None]
        assert len(floor.entries(Cause.FIRING)) == 1
        assert desk.shipped.entries == desk.journalled

    def test_nothing_is_left_to_do_and_nothing_is_begun(self, floor: Floor) -> None:
        floor.arm_buy("ann", "ABC", 1000, 50)
        desk = floor.open_desk()
        done(desk.service.stop())
        floor.arm_buy("bob", "XYZ", 1000, 200)
        floor.arm_buy("bob", "ABC", 1000, 100)
        floor.advance(2 * WINDOW_S)
        assert floor.board.asked == [("ABC", "ann")]
        assert floor.entries(Cause.FIRING) == []
        assert floor.clock.getDelayedCalls() == []
