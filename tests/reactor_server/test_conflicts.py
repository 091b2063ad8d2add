"""Another writer came first: that user's commands alone are decided again, on what is so now."""

import pytest

from ledger.account import Account, Side
from ledger.entry import Entry
from ledger.rules import fire
from protocol.errors import Code
from protocol.quote import Quote
from tests.reactor_server.house import House, Node
from tests.service.links import outcome_of


@pytest.fixture
def node(house: House) -> Node:
    """A node that has the accounts of ann and bob in use, with 1.00 each."""
    node = house.node()
    node.ask("ADD", "ann", 100)
    node.ask("ADD", "bob", 100)
    node.store.loads.clear()
    node.store.batches.clear()
    return node


@pytest.fixture
def elsewhere(house: House, node: Node) -> Node:
    """Another node."""
    return house.node()


class TestDecidingAgain:
    def test_both_nodes_changes_count(self, house: House, node: Node, elsewhere: Node) -> None:
        assert elsewhere.ask("ADD", "ann", 10).receipt.seq == 2
        assert node.ask("ADD", "ann", 1).receipt.seq == 3
        assert elsewhere.ask("ADD", "ann", 1_000).receipt.seq == 4
        assert house.account("ann").cash_cents == 1_111

    def test_a_refusal_from_a_stale_account_does_not_stand(
        self, node: Node, elsewhere: Node
    ) -> None:
        elsewhere.ask("ADD", "ann", 10_000)
        assert node.ask("BUY", "ann", "ABC", 5_000).receipt.shares == 10

    def test_an_acceptance_from_a_stale_account_does_not_stand(
        self, house: House, node: Node, elsewhere: Node
    ) -> None:
        elsewhere.ask("SET_BUY_AMOUNT", "ann", "ABC", 100)
        assert node.ask("SET_BUY_AMOUNT", "ann", "XYZ", 100).code == Code.INSUFFICIENT_FUNDS
        assert house.account("ann").reserve_cents == 100

    def test_a_summary_of_a_stale_account_does_not_stand(self, node: Node, elsewhere: Node) -> None:
        elsewhere.ask("ADD", "ann", 10)
        summary = node.ask("DISPLAY_SUMMARY", "ann").summary
        assert (summary.seq, summary.cash_cents) == (3, 110)
        assert [line.amount_cents for line in summary.history] == [10, 100]

    def test_a_trigger_that_fired_meanwhile_counts(self, house: House, node: Node) -> None:
        node.ask("SET_BUY_AMOUNT", "ann", "XYZ", 100)
        node.ask("SET_BUY_TRIGGER", "ann", "XYZ", 50)
        store = house.another_store()
        (stream,) = outcome_of(store.open_stream("triggers"))
        quote = Quote("XYZ", 50, house.now_ms(), "key=", "ann")

        def decide(account: Account) -> list[Entry]:
            fired = fire(account, Side.BUY, "XYZ", quote, house.now_ms())
            assert fired is not None
            return [fired]

        outcome_of(store.settle(stream, ["ann"], decide))  # type: ignore[arg-type]
        assert node.ask("CANCEL_SET_BUY", "ann", "XYZ").code == Code.NO_BUY_AMOUNT
        assert house.account("ann").holdings == {"XYZ": 2}


class TestWhoIsTakenBack:
    def test_only_the_user_whom_somebody_else_changed(
        self, house: House, node: Node, elsewhere: Node
    ) -> None:
        node.store.commits.shut()
        stale, sound = node.send("ADD", "ann", 1), node.send("ADD", "bob", 1)
        house.turn()
        elsewhere.ask("ADD", "ann", 10)
        node.store.loading.shut()
        node.store.commits.open()
        house.turn()
        assert sound.receipt.seq == 2
        assert stale.answers == []
        assert node.store.loads == [["ann"]]
        node.store.loading.open()
        house.turn()
        assert stale.receipt.seq == 3
        assert [sorted(batch) for batch in node.store.batches] == [["ann", "bob"], ["ann"]]

    def test_with_what_was_decided_after_and_all_in_order(
        self, house: House, node: Node, elsewhere: Node
    ) -> None:
        node.store.commits.shut()
        first = [node.ask("ADD", "ann", amount) for amount in (1, 2)]
        after = [node.ask("BUY", "ann", "ABC", 500), node.ask("DISPLAY_SUMMARY", "ann")]
        bystander = node.ask("ADD", "bob", 1)
        elsewhere.ask("ADD", "ann", 1_000)
        node.store.commits.open()
        house.turn()
        assert [each.receipt.seq for each in first] == [3, 4]
        assert (after[0].receipt.seq, after[0].receipt.shares) == (5, 1)
        assert (after[1].summary.seq, after[1].summary.cash_cents) == (6, 603)
        assert bystander.receipt.seq == 2
        assert [house.count(each) for each in (*first, *after, bystander)] == [1] * 5

    def test_with_a_command_that_waits_for_a_price_keeping_its_place(
        self, house: House, node: Node, elsewhere: Node
    ) -> None:
        """The price may come while the account is being read: it is not yet the turn of it."""
        node.store.commits.shut()
        before = node.ask("ADD", "ann", 1)
        waiting = node.ask("BUY", "ann", "XYZ", 100)
        after = node.ask("ADD", "ann", 2)
        elsewhere.ask("ADD", "ann", 1_000)
        node.store.loading.shut()
        node.store.commits.open()
        house.turn()
        node.prices.answer("XYZ", 100)
        house.turn()
        assert [each.answers for each in (before, waiting, after)] == [[], [], []]
        node.store.loading.open()
        house.turn()
        assert [each.receipt.seq for each in (before, waiting, after)] == [3, 4, 5]
        assert len(node.prices.asked) == 1

    def test_a_price_that_comes_after_the_account_was_read_again_lets_the_queue_go_on_once(
        self, house: House, node: Node, elsewhere: Node
    ) -> None:
        node.store.commits.shut()
        before = node.ask("ADD", "ann", 1)
        waiting = node.ask("BUY", "ann", "XYZ", 100)
        after = node.ask("BUY", "ann", "DEF", 100)
        elsewhere.ask("ADD", "ann", 1_000)
        node.store.commits.open()
        house.turn()
        assert before.receipt.seq == 3
        node.prices.answer("XYZ", 100)
        house.turn()
        assert waiting.receipt.seq == 4
        assert after.answers == []
        node.prices.answer("DEF", 100)
        house.turn()
        assert after.receipt.seq == 5

    def test_a_page_of_history_read_for_the_old_account_is_not_shown(
        self, house: House, node: Node, elsewhere: Node
    ) -> None:
        """It would lack what the other writer wrote."""
        other = house.node()
        other.ask("QUOTE", "ann", "ABC")
        node.ask("ADD", "ann", 1)
        other.store.reading.shut()
        other.store.commits.shut()
        stale = other.ask("ADD", "ann", 2)
        shown = other.ask("DISPLAY_SUMMARY", "ann")
        other.store.loading.shut()
        other.store.commits.open()
        house.turn()
        other.store.reading.open()
        house.turn()
        other.store.loading.open()
        house.turn()
        assert stale.answers != []
        lines = shown.summary.history
        assert [line.seq for line in lines] == list(range(len(lines), 0, -1))
        assert len(lines) == shown.summary.seq - 1


def test_two_nodes_that_contend_for_one_user_both_get_through(
    house: House, node: Node, elsewhere: Node
) -> None:
    asked = []
    for turn in range(50):
        for each in (node, elsewhere):
            asked.append(each.send("ADD", "ann", 1))
        if turn % 3:
            house.turn()
    house.turn()
    assert sorted(each.receipt.seq for each in asked) == list(range(2, 102))
    assert house.account("ann").cash_cents == 200
