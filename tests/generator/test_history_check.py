"""A true history passes the check, and every kind of planted error is found in it."""

from typing import Any

import pytest
from msgspec.structs import replace

from generator.history_check import Disagreement, Firing, Reply, UserHistory, check_history
from protocol.errors import Code
from protocol.messages import Add, HoldingLine, OrderLine, Receipt, Refused, TriggerLine
from tests.generator.true_history import (
    ADDED,
    AFTER_A_FIRING,
    AFTER_A_LAPSE,
    ARMED,
    BOUGHT,
    COMMITTED,
    QUOTED_MS,
    SHOWN,
    SHOWN_LAST,
    SOLD,
    T_MS,
    TOO_POOR,
    true_history,
)


def spoiled(at: int, **fields: Any) -> UserHistory:
    """The true history with these fields of one reply changed."""
    history = true_history()
    command, reply = history.exchanges[at]
    history.exchanges[at] = (command, replace(reply, **fields))
    return history


def answered(at: int, reply: Reply) -> UserHistory:
    """The true history with one reply exchanged."""
    history = true_history()
    history.exchanges[at] = (history.exchanges[at][0], reply)
    return history


def only(history: UserHistory) -> tuple[int, str, str]:
    """The one disagreement that the history holds: sequence number, expected, got."""
    (found,) = check_history([history])
    assert found.user == "u"
    return found.seq, found.expected, found.got


def test_a_true_history_has_no_disagreement() -> None:
    assert check_history([true_history()]) == []


class TestRepliesThatAreWrong:
    def test_a_command_taken_that_must_be_refused(self) -> None:
        history = answered(TOO_POOR, Receipt(5, T_MS + 6))
        assert only(history) == (5, "INSUFFICIENT_FUNDS", "Receipt")

    def test_a_command_refused_that_must_be_taken(self) -> None:
        history = answered(COMMITTED, Refused(Code.NO_PENDING_BUY, "", 3, T_MS + 5))
        assert only(history) == (3, "Receipt", "NO_PENDING_BUY")

    def test_a_refusal_for_another_reason(self) -> None:
        history = spoiled(TOO_POOR, code=Code.UNKNOWN_USER)
        assert only(history) == (5, "INSUFFICIENT_FUNDS", "UNKNOWN_USER")

    def test_a_refusal_with_a_code_that_there_is_not(self) -> None:
        assert only(spoiled(TOO_POOR, code=7)) == (5, "INSUFFICIENT_FUNDS", "code 7")

    def test_a_reply_of_another_kind(self) -> None:
        history = answered(SHOWN, Receipt(10, T_MS + 60_007))
        assert only(history) == (10, "Summary", "Receipt")

    @pytest.mark.parametrize(
        ("field", "right", "wrong"),
        [
            ("shares", 3, 2),
            ("total_cents", 600, 700),
            ("valid_until_ms", T_MS + 60_000, T_MS + 60_001),
        ],
    )
    def test_a_number_of_a_buy(self, field: str, right: int, wrong: int) -> None:
        history = spoiled(BOUGHT, **{field: wrong})
        assert only(history) == (2, f"{field} {right}", f"{field} {wrong}")

    @pytest.mark.parametrize(
        ("at", "seq", "field", "right"),
        [
            (ADDED, 1, "total_cents", 1000),
            (COMMITTED, 3, "shares", 3),
            (COMMITTED, 3, "total_cents", 600),
            (SOLD, 4, "shares", 2),
            (SOLD, 4, "valid_until_ms", T_MS + 60_005),
            (AFTER_A_FIRING, 12, "valid_until_ms", T_MS + 139_000),
        ],
    )
    def test_a_number_of_any_other_receipt(self, at: int, seq: int, field: str, right: int) -> None:
        history = spoiled(at, **{field: right + 1})
        assert only(history) == (seq, f"{field} {right}", f"{field} {right + 1}")


class TestPricesThatAreWrong:
    def test_a_price_older_than_60_s(self) -> None:
        history = spoiled(BOUGHT, quoted_ms=QUOTED_MS - 1)
        assert only(history) == (2, "a price of at most 60 s", "60001 ms old")

    def test_a_quote_older_than_60_s(self) -> None:
        history = spoiled(AFTER_A_FIRING, quoted_ms=T_MS + 19_999, valid_until_ms=T_MS + 79_999)
        assert only(history) == (12, "a price of at most 60 s", "60001 ms old")

    @pytest.mark.parametrize("price", [0, -200])
    def test_a_price_not_above_zero(self, price: int) -> None:
        history = spoiled(BOUGHT, price_cents=price)
        assert only(history) == (2, "a price above 0", f"price_cents {price}")

    def test_no_price_where_one_was_needed(self) -> None:
        history = spoiled(BOUGHT, price_cents=0, quoted_ms=0)
        assert only(history) == (2, "a price", "none")

    def test_a_price_where_none_was_to_be_asked(self) -> None:
        history = spoiled(TOO_POOR, price_cents=200, quoted_ms=T_MS)
        assert only(history) == (5, "no price", "price_cents 200")


class TestOrderAndTheSystemsOwnEntries:
    def test_a_sequence_number_that_does_not_grow(self) -> None:
        assert only(spoiled(COMMITTED, seq=2)) == (2, "seq above 2", "seq 2")

    def test_an_entry_that_nothing_explains(self) -> None:
        history = true_history()
        del history.firings[:]
        assert only(history) == (12, "0 lapses and at most 0 firings", "1 entries of the system")

    def test_a_history_that_does_not_begin_at_one(self) -> None:
        history = UserHistory("u", [(Add("u", 1, 1), Receipt(2, T_MS, total_cents=1))], [])
        assert only(history) == (2, "0 lapses and at most 0 firings", "1 entries of the system")

    def test_a_lapse_that_did_not_happen(self) -> None:
        history = spoiled(AFTER_A_LAPSE, seq=8)
        assert only(history) == (8, "1 lapses and at most 1 firings", "0 entries of the system")

    def test_a_lapse_that_came_too_early(self) -> None:
        """At 60 000 ms the SELL can still be cancelled, so nothing explains the entry before."""
        history = spoiled(AFTER_A_LAPSE, decided_ms=T_MS + 60_005)
        del history.firings[:]
        assert only(history) == (9, "0 lapses and at most 0 firings", "1 entries of the system")

    def test_a_firing_of_what_was_not_armed(self) -> None:
        history = true_history()
        history.firings[0] = Firing("sell", "XYZ", 150, T_MS + 70_000)
        assert only(history) == (11, "no such firing", "sell trigger of XYZ fired at 150 cents")

    def test_a_firing_whose_price_was_not_met(self) -> None:
        history = true_history()
        history.firings[0] = Firing("buy", "XYZ", 151, T_MS + 70_000)
        assert only(history) == (11, "no such firing", "buy trigger of XYZ fired at 151 cents")

    def test_the_second_of_two_firings_in_one_gap(self) -> None:
        """Both may bear the same moment; the one that cannot be is named by its own number."""
        history = spoiled(AFTER_A_FIRING, seq=13)
        history.firings.append(history.firings[0])
        seq, expected, _ = only(history)
        assert (seq, expected) == (12, "no such firing")

    def test_a_firing_before_the_entry_that_it_follows(self) -> None:
        history = true_history()
        history.firings[0] = Firing("buy", "XYZ", 150, T_MS + 60_006)
        seq, expected, _ = only(history)
        assert (seq, expected) == (11, f"fired at {T_MS + 60_007} or later")

    def test_a_trigger_that_fired_twice_is_found_after_the_last_reply_too(self) -> None:
        history = true_history()
        history.firings.append(Firing("buy", "XYZ", 150, T_MS + 90_000))
        assert only(history) == (16, "no such firing", "buy trigger of XYZ fired at 150 cents")

    def test_a_trigger_may_fire_after_the_last_reply(self) -> None:
        history = true_history()
        del history.exchanges[AFTER_A_FIRING:]
        assert check_history([history]) == []

    def test_a_decision_before_the_one_that_it_follows(self) -> None:
        history = spoiled(ARMED, decided_ms=T_MS + 6)
        assert only(history) == (7, f"decided at {T_MS + 7} or later", f"decided at {T_MS + 6}")

    def test_a_command_of_another_user_is_the_callers_mistake(self) -> None:
        history = UserHistory("u", [(Add("v", 1, 1), Receipt(1, T_MS, total_cents=1))], [])
        with pytest.raises(ValueError, match="is not of u"):
            check_history([history])


class TestSummariesThatAreWrong:
    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            ("exists", False),
            ("cash_cents", 11),
            ("reserve_cents", 89),
            ("holdings", [HoldingLine("XYZ", 2)]),
            ("holdings", [HoldingLine("XYZ", 2), HoldingLine("ABC", 3), HoldingLine("ABC", 3)]),
            ("orders", []),
            ("orders", [OrderLine("buy", "Q", 3, 30, T_MS + 80_001, T_MS + 140_002)]),
            ("triggers", [TriggerLine("buy", "XYZ", 400, 150, 0)]),
        ],
    )
    def test_any_field_of_the_last_summary(self, field: str, wrong: object) -> None:
        seq, expected, got = only(spoiled(SHOWN_LAST, **{field: wrong}))
        assert seq == 15
        assert expected.startswith(field)
        assert got.startswith(field)

    @pytest.mark.parametrize(
        "line",
        [
            TriggerLine("sell", "XYZ", 400, 150, 0),
            TriggerLine("buy", "XYZ", 399, 150, 0),
            TriggerLine("buy", "XYZ", 400, 0, 0),
            TriggerLine("buy", "XYZ", 400, 150, 1),
        ],
    )
    def test_any_field_of_a_trigger(self, line: TriggerLine) -> None:
        _, expected, _ = only(spoiled(SHOWN, triggers=[line]))
        assert expected.startswith("triggers")


class TestAfterADisagreement:
    @pytest.mark.parametrize(
        ("at", "reply", "is_in_doubt"),
        [
            (COMMITTED, Refused(Code.NO_PENDING_BUY, "", 3, T_MS + 5), True),
            (TOO_POOR, Receipt(5, T_MS + 6), True),
            (TOO_POOR, Refused(Code.BAD_SYMBOL, "", 5, T_MS + 6), False),
        ],
    )
    def test_the_rest_is_judged_only_while_the_account_can_be_told(
        self, at: int, reply: Reply, is_in_doubt: bool
    ) -> None:
        """A command taken or not taken would echo through all that follows; a wrong reason not."""
        history = spoiled(SHOWN_LAST, cash_cents=11)
        history.exchanges[at] = (history.exchanges[at][0], reply)
        seqs = [one.seq for one in check_history([history])]
        assert seqs == ([reply.seq] if is_in_doubt else [reply.seq, 15])

    def test_other_users_are_judged_all_the_same(self) -> None:
        lost = answered(COMMITTED, Refused(Code.NO_PENDING_BUY, "", 3, T_MS + 5))
        command = Add("v", 1, 5)
        other = UserHistory("v", [(command, Receipt(1, T_MS, total_cents=6))], [])
        found = check_history([lost, other])
        assert [(one.user, one.seq) for one in found] == [("u", 3), ("v", 1)]
        assert found[1] == Disagreement("v", 1, command, "total_cents 5", "total_cents 6")
