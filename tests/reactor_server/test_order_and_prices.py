"""One user's commands keep their order, whatever one of them waits for; users do not wait for each
other; and one hit on the quote server serves everybody.
"""

import pytest

from protocol.errors import Code
from protocol.messages import Refused
from reactor_server.findings import PRICE_S_MAX
from tests.reactor_server.house import House, Node

ENOUGH_CENTS = 100_000


@pytest.fixture
def node(house: House) -> Node:
    """A node at which ann, bob and carl have money; XYZ has no price until the test gives one."""
    node = house.node()
    for user in ("ann", "bob", "carl"):
        node.ask("ADD", user, ENOUGH_CENTS)
    return node


class TestOrder:
    def test_what_comes_after_a_command_that_waits_for_a_price_waits_too(
        self, house: House, node: Node
    ) -> None:
        waiting = node.ask("BUY", "ann", "XYZ", 1_000)
        later = [node.ask("ADD", "ann", 1), node.ask("COMMIT_BUY", "ann")]
        house.pass_time(2)
        assert [each.answers for each in (waiting, *later)] == [[], [], []]
        node.prices.answer("XYZ", 250)
        house.turn()
        assert (waiting.receipt.seq, waiting.receipt.shares) == (2, 4)
        assert [each.receipt.seq for each in later] == [3, 4]
        assert house.account("ann").holdings == {"XYZ": 4}

    def test_other_users_do_not_wait(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "XYZ", 1_000)
        assert node.ask("BUY", "bob", "ABC", 1_000).receipt.shares == 2

    def test_a_command_that_waits_for_nothing_more_does_not_end_the_wait_of_the_next(
        self, house: House, node: Node
    ) -> None:
        node.prices.cents.clear()
        asked = [node.ask("BUY", "ann", symbol, 1_000) for symbol in ("XYZ", "DEF", "GHI")]
        last = node.ask("ADD", "ann", 1)
        for number, symbol in enumerate(("XYZ", "DEF", "GHI")):
            assert [len(each.answers) for each in asked] == [1] * number + [0] * (3 - number)
            assert last.answers == []
            node.prices.answer(symbol, 100)
            house.turn()
        assert [each.receipt.seq for each in (*asked, last)] == [2, 3, 4, 5]

    def test_a_long_queue_is_worked_off_in_one_go(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "XYZ", 1_000)
        queued = [node.ask("DISPLAY_SUMMARY", "ann") for _ in range(3_000)]
        node.prices.answer("XYZ", 100)
        house.turn()
        assert [each.summary.seq for each in queued] == list(range(3, 3_003))


class TestPrices:
    def test_one_hit_serves_all_who_wait_for_it(self, house: House, node: Node) -> None:
        asked = [node.ask("BUY", user, "XYZ", 1_000) for user in ("ann", "bob", "carl")]
        asked.append(node.ask("QUOTE", "dora", "xyz"))
        assert node.prices.asked == [("XYZ", "ann")]
        node.prices.answer("XYZ", 300)
        house.turn()
        assert [each.receipt.price_cents for each in asked] == [300] * 4
        assert [each.receipt.shares for each in asked[:3]] == [3, 3, 3]
        assert len(node.prices.asked) == 1

    def test_a_price_serves_for_a_minute_and_no_longer(self, house: House, node: Node) -> None:
        first = node.ask("QUOTE", "ann", "ABC")
        node.prices.cents["ABC"] = 700
        house.pass_time(60)
        assert node.ask("QUOTE", "bob", "ABC").receipt.price_cents == 500
        house.clock.advance(0.001)
        late = node.ask("QUOTE", "carl", "ABC")
        assert late.receipt.price_cents == 700
        assert late.receipt.quoted_ms == first.receipt.quoted_ms + 60_001
        assert len(node.prices.asked) == 2

    def test_a_command_refused_without_a_price_asks_for_none(
        self, house: House, node: Node
    ) -> None:
        assert node.ask("BUY", "nobody", "XYZ", 1_000).code == Code.UNKNOWN_USER
        assert node.ask("BUY", "ann", "XYZ", 2 * ENOUGH_CENTS).code == Code.INSUFFICIENT_FUNDS
        assert node.ask("SELL", "ann", "XYZ", 1_000).code == Code.INSUFFICIENT_HOLDING
        assert node.prices.asked == []

    def test_a_price_that_is_not_to_be_had_refuses_the_command_and_the_next_goes_on(
        self, house: House, node: Node
    ) -> None:
        waiting = node.ask("BUY", "ann", "XYZ", 1_000)
        later = node.ask("ADD", "ann", 1)
        node.prices.give_up("XYZ")
        house.turn()
        assert isinstance(waiting.answer, Refused)
        assert (waiting.code, waiting.answer.seq) == (Code.QUOTE_UNAVAILABLE, 2)
        assert later.receipt.seq == 3
        assert house.account("ann").cash_cents == ENOUGH_CENTS + 1

    def test_a_command_has_its_answer_by_a_deadline_whoever_is_silent(
        self, house: House, node: Node
    ) -> None:
        asked = node.ask("QUOTE", "ann", "NEW")
        house.pass_time(PRICE_S_MAX - 1.0)
        assert asked.answers == []
        house.pass_time(1.0)
        assert asked.code == Code.QUOTE_UNAVAILABLE
        assert isinstance(asked.answer, Refused)
        assert node.ask("ADD", "ann", 1).receipt.seq == asked.answer.seq + 1

    def test_a_price_too_old_by_the_time_of_the_decision_is_asked_for_anew(
        self, house: House, node: Node
    ) -> None:
        """Another node's clock may be ahead: what it decided makes our time jump a little, and
        a price that was good by our clock is not by the decision's.
        """
        node.ask("QUOTE", "ann", "ABC")
        house.pass_time(59)
        house.ahead_ms = 3_000
        house.node().ask("ADD", "bob", 1)
        house.ahead_ms = 0
        node.ask("ADD", "bob", 1)
        house.pass_time(0.5)
        house.ahead_ms = 3_000
        late = node.ask("BUY", "ann", "ABC", 1_000)
        assert late.receipt.decided_ms - late.receipt.quoted_ms <= 60_000
        assert len(node.prices.asked) == 2

    def test_the_state_of_the_account_counts_when_the_price_has_come(
        self, house: House, node: Node
    ) -> None:
        """What was enough money when the price was asked for need not be any more."""
        waiting = node.ask("BUY", "ann", "XYZ", ENOUGH_CENTS)
        elsewhere = house.node()
        elsewhere.ask("BUY", "ann", "ABC", ENOUGH_CENTS)
        node.prices.answer("XYZ", 100)
        house.turn()
        assert waiting.code == Code.INSUFFICIENT_FUNDS
