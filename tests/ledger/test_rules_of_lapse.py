"""Pending orders are a stack, and each is good for 60 s: SPEC section 1, "Pending orders"."""

import pytest

from ledger import rules
from ledger.account import PENDING_ORDERS_MAX, Account, Side
from ledger.entry import Action, Cause, Movement, Posting
from protocol.errors import Code
from protocol.fields import is_reserved_id
from protocol.messages import Add, Buy, CancelBuy, CancelSell, Sell
from protocol.quote import Quote
from tests.ledger.desk import START_MS, Desk

SIDES = pytest.mark.parametrize("side", ["BUY", "SELL"])
ANSWERS = pytest.mark.parametrize("answer", ["COMMIT", "CANCEL"])


@SIDES
@ANSWERS
def test_the_newest_order_is_answered_first(side: str, answer: str) -> None:
    desk = Desk(cash_cents=100, ABC=10)
    desk.do(side, "ABC", 2, price=2)
    older_id = desk.last_id
    desk.do(side, "ABC", 3, price=3)
    newer_id = desk.last_id
    first, second = desk.do(f"{answer}_{side}"), desk.do(f"{answer}_{side}")
    assert (first.order_id, first.price_cents) == (newer_id, 3)
    assert (second.order_id, second.price_cents) == (older_id, 2)


@SIDES
@ANSWERS
def test_an_order_of_exactly_60_s_can_be_answered(side: str, answer: str) -> None:
    desk = Desk(cash_cents=100, ABC=10)
    valid_until_ms = desk.do(side, "ABC", 10, price=5).valid_until_ms
    desk.now_ms += 60_000
    assert desk.now_ms == valid_until_ms
    assert desk.lapse() == []
    assert desk.code(f"{answer}_{side}") is Code.OK


@SIDES
@ANSWERS
def test_an_order_older_than_60_s_has_lapsed_before_the_next_command(
    side: str, answer: str
) -> None:
    desk = Desk(cash_cents=100, ABC=10)
    desk.do(side, "ABC", 10, price=5)
    desk.now_ms += 60_001
    entry = desk.do(f"{answer}_{side}")
    assert entry.code.name == f"NO_PENDING_{side}"
    assert entry.seq == 3, "the lapse is an entry of its own, before the command's"
    assert desk.money == (100, 0)
    assert desk.shares("ABC") == (10, 0)


def test_a_lapsed_buy_is_told_as_a_cancel_of_its_own() -> None:
    desk = Desk(cash_cents=100)
    desk.transaction_num = 6
    desk.do("BUY", "abc", 50, price=7)
    desk.now_ms += 60_001
    (entry,) = desk.lapse()
    assert (entry.cause, entry.kind, entry.code) == (Cause.LAPSE, CancelBuy.KIND, Code.OK)
    assert (entry.user, entry.transaction_num, entry.symbol) == ("ann", 7, "ABC")
    assert (entry.order_id, entry.shares, entry.price_cents) == (desk.last_id, 7, 7)
    assert (entry.amount_cents, entry.total_cents, entry.decided_ms) == (49, 49, START_MS + 60_001)
    assert (entry.postings, entry.movements) == ((Posting(Action.RELEASE, 49),), ())


def test_a_lapsed_sell_gives_its_shares_back() -> None:
    desk = Desk(ABC=10)
    desk.do("SELL", "ABC", 50, price=7)
    desk.now_ms += 60_001
    (entry,) = desk.lapse()
    assert (entry.cause, entry.kind) == (Cause.LAPSE, CancelSell.KIND)
    assert (entry.order_id, entry.shares, entry.total_cents) == (desk.last_id, 7, 49)
    assert (entry.postings, entry.movements) == ((), (Movement("ABC", 7, -7),))
    assert desk.shares("ABC") == (10, 0)


def test_all_overdue_orders_of_both_sides_lapse_at_once_and_the_others_stay() -> None:
    desk = Desk(cash_cents=100, ABC=10)
    for side in ("BUY", "SELL", "BUY", "SELL"):
        desk.do(side, "ABC", 1, price=1)
    desk.now_ms += 1
    desk.do("BUY", "ABC", 2, price=2)
    desk.do("SELL", "ABC", 4, price=2)
    desk.now_ms += 60_000
    assert [entry.total_cents for entry in desk.lapse()] == [1, 1, 1, 1]
    assert desk.money == (98, 2)
    assert desk.shares("ABC") == (8, 2)


def test_an_older_order_remains_for_the_next_commit_while_its_own_60_s_last() -> None:
    desk = Desk(cash_cents=100)
    desk.do("BUY", "ABC", 1, price=1)
    desk.now_ms += 59_999
    desk.do("BUY", "ABC", 2, price=2)
    assert desk.do("COMMIT_BUY").total_cents == 2
    desk.now_ms += 1
    assert desk.do("COMMIT_BUY").total_cents == 1


def test_an_older_order_lapses_although_a_newer_one_is_good() -> None:
    desk = Desk(cash_cents=100)
    desk.do("BUY", "ABC", 1, price=1)
    desk.now_ms += 30_000
    desk.do("BUY", "ABC", 2, price=2)
    desk.now_ms += 30_001
    assert [entry.total_cents for entry in desk.lapse()] == [1]
    assert desk.do("COMMIT_BUY").total_cents == 2
    assert desk.code("COMMIT_BUY") is Code.NO_PENDING_BUY


def test_what_lapsed_may_be_spent_by_the_very_next_command() -> None:
    desk = Desk(cash_cents=100)
    desk.do("BUY", "ABC", 100, price=1)
    desk.now_ms += 60_001
    assert desk.code("BUY", "ABC", 100, price=1) is Code.OK


def test_a_refusal_does_not_undo_the_lapse_before_it() -> None:
    desk = Desk(cash_cents=100)
    desk.do("BUY", "ABC", 100, price=1)
    desk.now_ms += 60_001
    assert desk.code("BUY", "ABC", 101, price=1) is Code.INSUFFICIENT_FUNDS
    assert desk.money == (100, 0)


@SIDES
def test_the_next_look_at_the_orders_is_when_the_oldest_is_too_old(side: str) -> None:
    desk = Desk(cash_cents=100, ABC=10)
    assert desk.account.lapse_check_ms == 0
    desk.do(side, "ABC", 1, price=1)
    desk.now_ms += 10
    desk.do(side, "ABC", 1, price=1)
    assert desk.account.lapse_check_ms == START_MS + 60_001
    desk.now_ms = START_MS + 60_001
    assert len(desk.lapse()) == 1
    assert desk.account.lapse_check_ms == START_MS + 60_011
    desk.now_ms += 10
    assert len(desk.lapse()) == 1
    assert desk.account.lapse_check_ms == 0


def test_an_early_look_finds_nothing_and_sets_the_next_one_right() -> None:
    desk = Desk(cash_cents=100)
    desk.do("BUY", "ABC", 1, price=1)
    desk.do("COMMIT_BUY")
    desk.now_ms += 10
    desk.do("BUY", "ABC", 1, price=1)
    desk.now_ms = START_MS + 60_001
    assert desk.lapse() == []
    assert desk.account.lapse_check_ms == START_MS + 60_011


@pytest.mark.parametrize(("first", "second"), [("BUY", "SELL"), ("SELL", "BUY")])
def test_the_next_look_is_when_the_older_of_both_sides_is_too_old(first: str, second: str) -> None:
    desk = Desk(cash_cents=100, ABC=10)
    for side in ("BUY", first, second):
        desk.do(side, "ABC", 1, price=1)
        desk.now_ms += 10
    desk.now_ms = START_MS + 60_001
    assert len(desk.lapse()) == 1
    assert desk.account.lapse_check_ms == START_MS + 60_011


@SIDES
def test_one_side_may_have_a_thousand_orders_pending_and_not_one_more(side: str) -> None:
    """The desk's own checks would take a second for a thousand orders."""
    order = {"BUY": Buy, "SELL": Sell}[side]
    desk = Desk(cash_cents=2 * PENDING_ORDERS_MAX, ABC=2 * PENDING_ORDERS_MAX)
    for _ in range(PENDING_ORDERS_MAX - 1):
        command_id = desk.account.seq.to_bytes(16, "big")
        command = order("ann", 1, "ABC", 1)
        assert rules.decide(desk.account, command, command_id, START_MS, desk.quote(command, 1))
    assert desk.code(side, "ABC", 1, price=1) is Code.OK
    assert desk.code(side, "ABC", 1) is Code.TOO_MANY_PENDING
    assert desk.code({"BUY": "SELL", "SELL": "BUY"}[side], "ABC", 1, price=1) is Code.OK
    desk.do(f"CANCEL_{side}")
    assert desk.code(side, "ABC", 1, price=1) is Code.OK


def test_ids_of_what_follows_by_itself_are_stable_and_distinct() -> None:
    """The same lapse or firing has the same id on every node, and no two share one."""

    def follow_ups() -> list[bytes]:
        desk = Desk(cash_cents=100, ABC=10)
        desk.do("SET_BUY_AMOUNT", "ABC", 10)
        desk.do("SET_BUY_TRIGGER", "ABC", 5)
        desk.do("SET_SELL_AMOUNT", "ABC", 10, price=5)
        desk.do("SET_SELL_TRIGGER", "ABC", 5)
        for side in ("BUY", "BUY", "SELL"):
            desk.do(side, "ABC", 5, price=5)
        fired = [desk.fire(Side.BUY, "ABC", 5), desk.fire(Side.SELL, "ABC", 5)]
        desk.now_ms += 60_001
        return [entry.command_id for entry in (*fired, *desk.lapse()) if entry is not None]

    ids = follow_ups()
    assert ids == follow_ups()
    assert len(set(ids)) == 5
    assert {len(command_id) for command_id in ids} == {16}


def test_an_order_and_a_trigger_of_one_id_lead_to_different_ids() -> None:
    bought, armed = Desk(cash_cents=100), Desk(cash_cents=100)
    armed.do("SET_BUY_AMOUNT", "ABC", 10)
    armed.transaction_num = 0
    armed.do("SET_BUY_TRIGGER", "ABC", 5)
    bought.do("BUY", "ABC", 5, price=5)
    assert bought.last_id == armed.last_id
    bought.now_ms += 60_001
    fired = armed.fire(Side.BUY, "ABC", 5)
    assert fired is not None
    assert bought.lapse()[0].command_id not in (fired.command_id, bought.last_id)
    assert fired.command_id != armed.last_id


def test_the_ids_of_lapses_and_firings_are_ones_that_no_client_may_give() -> None:
    """Else a command under the id of a lapse to come would stand in that lapse's way for ever."""
    account = Account("ann")
    ids = (number.to_bytes(16, "big") for number in range(1, 200))
    price = Quote("ABC", 100, 1_000, "key=", "ann")
    rules.decide(account, Add("ann", 1, 1_000_000), next(ids), 1_000)
    for command_id in ids:
        rules.decide(account, Buy("ann", 1, "ABC", 100), command_id, 1_000, price)
    lapsed = rules.lapse(account, 61_001)
    assert len(lapsed) == 198
    assert all(is_reserved_id(entry.command_id) for entry in lapsed)
