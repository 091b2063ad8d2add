"""Overdue orders of accounts that no node holds lapse within a second: SPEC section 1."""

import pytest

from ledger.entry import Cause
from tests.trigger.floor import STEP_S, Floor

VALID_S = 60.0
"""An order of exactly this age may still be committed."""

NODES_TURN_S = 0.25
"""So long the node that may hold the account has to let the order lapse itself."""


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_an_order_that_nobody_answered_lapses_within_a_second(floor: Floor, side: str) -> None:
    floor.node.do("ADD", "ann", 1000)
    if side == "SELL":
        floor.node.do("BUY", "ann", "ABC", 500)
        floor.node.do("COMMIT_BUY", "ann")
    before = floor.account("ann")
    floor.open_desk()
    placed = floor.node.do(side, "ann", "ABC", 300)
    floor.advance(VALID_S + NODES_TURN_S)
    assert floor.entries(Cause.LAPSE) == []
    floor.advance(1.0 - NODES_TURN_S)
    (lapse,) = floor.entries(Cause.LAPSE)
    assert (lapse.user, lapse.name) == ("ann", f"CANCEL_{side}")
    assert (lapse.order_id, lapse.transaction_num) == (placed.command_id, placed.transaction_num)
    after = floor.account("ann")
    assert (after.cash_cents, after.reserve_cents) == (before.cash_cents, 0)
    assert after.holdings == before.holdings
    assert after.buys == after.sells == []


def test_the_orders_of_many_lapse_within_the_same_second(floor: Floor) -> None:
    floor.open_desk()
    users = [f"u{number:03}" for number in range(150)]
    for user in users:
        floor.node.do("ADD", user, 1000)
        floor.node.do("BUY", user, "ABC", 500)
    floor.advance(VALID_S + 1.0)
    assert sorted(entry.user for entry in floor.entries(Cause.LAPSE)) == users


def test_an_order_that_was_answered_does_not_lapse(floor: Floor) -> None:
    floor.open_desk()
    for user, answer in (("ann", "COMMIT_BUY"), ("bob", "CANCEL_BUY")):
        floor.node.do("ADD", user, 1000)
        floor.node.do("BUY", user, "ABC", 500)
        floor.advance(STEP_S)
        floor.node.do(answer, user)
    floor.advance(2 * VALID_S)
    assert floor.entries(Cause.LAPSE) == []


def test_an_order_that_lapsed_at_a_node_does_not_lapse_again(floor: Floor) -> None:
    floor.open_desk()
    floor.node.do("ADD", "ann", 1000)
    floor.node.do("BUY", "ann", "ABC", 500)
    floor.advance(VALID_S + STEP_S)
    floor.node.do("QUOTE", "ann", "ABC")
    floor.advance(VALID_S)
    assert len(floor.entries(Cause.LAPSE)) == 1


def test_the_younger_order_stays_when_the_older_lapses(floor: Floor) -> None:
    floor.open_desk()
    floor.node.do("ADD", "ann", 1000)
    older = floor.node.do("BUY", "ann", "ABC", 300)
    floor.advance(30.0)
    floor.node.do("BUY", "ann", "ABC", 200)
    floor.advance(VALID_S - 30.0 + 1.0)
    assert [entry.order_id for entry in floor.entries(Cause.LAPSE)] == [older.command_id]
    assert floor.account("ann").reserve_cents == 200
    floor.advance(30.0)
    assert floor.account("ann").reserve_cents == 0


def test_orders_that_fell_due_while_the_store_was_away_lapse_when_it_is_back(
    floor: Floor,
) -> None:
    desk = floor.open_desk()
    floor.node.do("ADD", "ann", 1000)
    floor.node.do("BUY", "ann", "ABC", 500)
    desk.store.is_away = True
    floor.advance(VALID_S + 5.0)
    assert floor.entries(Cause.LAPSE) == []
    desk.store.is_away = False
    floor.advance(1.0)
    assert len(floor.entries(Cause.LAPSE)) == 1


def test_an_order_that_is_overdue_lapses_before_a_trigger_of_its_user_fires(floor: Floor) -> None:
    floor.node.do("ADD", "ann", 1000)
    floor.node.do("BUY", "ann", "ABC", 500)
    floor.arm_buy("ann", "ABC", 1000, 90)
    floor.open_desk()
    floor.board.prices["ABC"] = 90
    floor.advance(VALID_S + STEP_S)
    lapse, firing = floor.ledger.user_entries["ann"][-2:]
    assert (lapse.cause, firing.cause) == (Cause.LAPSE, Cause.FIRING)
    assert lapse.decided_ms == firing.decided_ms
