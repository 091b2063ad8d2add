"""However many trigger services run on one ledger, a trigger fires once: SPEC section 1."""

import pytest

from ledger.account import Side
from ledger.entry import Cause
from tests.trigger.floor import STEP_S, Floor
from trigger.trading import RESYNC_S


@pytest.mark.parametrize("side", Side)
def test_of_two_that_fire_at_the_same_moment_one_finds_it_gone(floor: Floor, side: Side) -> None:
    desks = [floor.open_desk("triggers-1"), floor.open_desk("triggers-2")]
    for desk in desks:
        desk.store.delay_s = 1.0
    floor.arm(side, "ann", "ABC", 1000, 100)
    floor.advance(10.0)
    assert [desk.store.writes for desk in desks] == [1, 1]
    assert len(floor.entries(Cause.FIRING)) == 1
    assert sorted(desk.service.firing.fired for desk in desks) == [0, 1]
    assert [len(desk.service.book) for desk in desks] == [0, 0]
    assert [desk.fencings for desk in desks] == [0, 0]
    floor.account("ann").check()


def test_one_goes_on_alone_when_the_other_has_lost_the_store(floor: Floor) -> None:
    lost, other = floor.open_desk("triggers-1"), floor.open_desk("triggers-2")
    lost.store.is_away = True
    floor.arm_buy("ann", "ABC", 1000, 100)
    floor.advance(STEP_S)
    assert other.service.firing.fired == 1
    lost.store.is_away = False
    floor.advance(RESYNC_S)
    assert lost.service.firing.fired == 0
    assert len(floor.entries(Cause.FIRING)) == 1


def test_one_of_the_same_name_takes_over_though_the_old_one_had_begun_to_fire(
    floor: Floor,
) -> None:
    old = floor.open_desk()
    old.store.delay_s = 5.0
    floor.arm_buy("ann", "ABC", 1000, 100)
    floor.advance(6.0)
    assert old.store.writes == 1
    new = floor.open_desk()
    floor.advance(30.0)
    assert (old.fencings, new.fencings) == (1, 0)
    assert (old.service.firing.fired, new.service.firing.fired) == (0, 1)
    assert len(floor.entries(Cause.FIRING)) == 1
    assert new.shipped.entries == new.journalled
