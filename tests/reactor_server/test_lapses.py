"""An order that nobody commits gives its reserve back by itself, and before anything is judged."""

import pytest

from ledger.rules import lapse
from protocol.errors import Code
from protocol.messages import CancelBuy, CancelSell
from tests.reactor_server.house import House, Node
from tests.reactor_server.unsteady_store import Fate
from tests.service.links import outcome_of

BETWEEN_LOOKS_S = 0.1
"""Orders are placed between two looks at the clock, so that a command can come before the next."""


@pytest.fixture
def node(house: House) -> Node:
    """A node at which ann has 10.00."""
    node = house.node()
    node.ask("ADD", "ann", 1_000)
    house.clock.advance(BETWEEN_LOOKS_S)
    return node


def pass_a_minute(house: House, more_s: float = 0.0) -> None:
    """Let 60.000 s pass, and what is said besides."""
    house.pass_time(60)
    house.clock.advance(more_s)


class TestByItself:
    def test_the_reserve_is_back_within_a_second_without_any_command(
        self, house: House, node: Node
    ) -> None:
        bought = node.ask("BUY", "ann", "ABC", 1_000).receipt
        house.pass_time(59.75)
        assert house.account("ann").reserve_cents == 1_000
        house.pass_time(1.25)
        assert (house.account("ann").cash_cents, house.account("ann").reserve_cents) == (1_000, 0)
        (entry,) = house.lapses("ann")
        assert 0 < entry.decided_ms - bought.valid_until_ms <= 1_000
        assert (entry.seq, entry.kind, entry.shares) == (3, CancelBuy.KIND, 2)
        assert node.shipped["node-1/0"].entries == house.ledger.stream_entries["node-1/0"]

    def test_so_are_the_shares_of_a_sell(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "ABC", 1_000)
        node.ask("COMMIT_BUY", "ann")
        node.ask("SELL", "ann", "ABC", 500)
        assert house.account("ann").holdings == {"ABC": 1}
        pass_a_minute(house, 1)
        assert house.account("ann").holdings == {"ABC": 2}
        assert [entry.kind for entry in house.lapses("ann")] == [CancelSell.KIND]

    def test_so_are_those_of_many_users_at_the_same_time(self, house: House, node: Node) -> None:
        users = [f"user{number}" for number in range(20)]
        for user in users:
            node.ask("ADD", user, 500)
            node.ask("BUY", user, "ABC", 500)
        pass_a_minute(house, 1)
        assert [len(house.lapses(user)) for user in users] == [1] * 20

    def test_each_order_has_its_own_minute(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "ABC", 500)
        house.pass_time(30)
        node.ask("BUY", "ann", "ABC", 500)
        house.pass_time(31)
        assert len(house.lapses("ann")) == 1
        house.pass_time(30)
        assert [entry.seq for entry in house.lapses("ann")] == [4, 5]

    def test_a_node_that_reads_the_account_later_sees_to_it(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "ABC", 1_000)
        outcome_of(node.assembly.close())
        heir = house.node()
        heir.ask("DISPLAY_SUMMARY", "ann")
        pass_a_minute(house, 1)
        assert len(house.lapses("ann")) == 1
        assert heir.ask("DISPLAY_SUMMARY", "ann").summary.cash_cents == 1_000

    def test_two_nodes_and_the_trigger_service_make_one_lapse_of_it(
        self, house: House, node: Node
    ) -> None:
        node.ask("BUY", "ann", "ABC", 1_000)
        other = house.node()
        other.ask("DISPLAY_SUMMARY", "ann")
        for each in (node, other):
            each.store.commits.shut()
        pass_a_minute(house, 1)
        assert [each.store.commits.kept for each in (node, other)] == [1, 1]
        store = house.another_store()
        (stream,) = outcome_of(store.open_stream("triggers"))
        outcome_of(
            store.settle(
                stream,  # type: ignore[arg-type]
                ["ann"],
                lambda account: lapse(account, house.now_ms()),
            )
        )
        for each in (node, other):
            each.store.commits.open()
        house.pass_time(2)
        assert len(house.lapses("ann")) == 1
        assert node.ask("ADD", "ann", 1).receipt.seq == 5


class TestBeforeALaterCommand:
    def test_exactly_a_minute_is_in_time(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "ABC", 1_000)
        pass_a_minute(house)
        assert node.ask("COMMIT_BUY", "ann").receipt.shares == 2
        assert house.lapses("ann") == []

    def test_a_moment_more_is_too_late(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "ABC", 1_000)
        pass_a_minute(house, 0.001)
        late = node.ask("COMMIT_BUY", "ann")
        assert late.code == Code.NO_PENDING_BUY
        assert [entry.seq for entry in house.lapses("ann")] == [3]

    def test_the_money_is_there_for_the_command_and_numbered_before_it(
        self, house: House, node: Node
    ) -> None:
        node.ask("BUY", "ann", "ABC", 1_000)
        pass_a_minute(house, 0.001)
        again = node.ask("BUY", "ann", "ABC", 1_000)
        assert again.receipt.seq == 4
        assert [entry.seq for entry in house.lapses("ann")] == [3]
        assert house.lapses("ann")[0].decided_ms == again.receipt.decided_ms

    def test_a_refusal_does_not_undo_it(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "ABC", 1_000)
        pass_a_minute(house, 0.001)
        refused = node.ask("SELL", "ann", "XYZ", 1_000)
        assert refused.code == Code.INSUFFICIENT_HOLDING
        assert house.account("ann").cash_cents == 1_000
        assert len(house.lapses("ann")) == 1

    def test_it_stands_although_the_command_waits_for_a_price(
        self, house: House, node: Node
    ) -> None:
        node.ask("BUY", "ann", "ABC", 1_000)
        pass_a_minute(house, 0.001)
        waiting = node.ask("BUY", "ann", "XYZ", 1_000)
        assert house.account("ann").cash_cents == 1_000
        node.prices.answer("XYZ", 1_000)
        house.turn()
        assert waiting.receipt.seq == 4

    def test_an_older_order_lapses_and_a_younger_one_is_committed(
        self, house: House, node: Node
    ) -> None:
        node.ask("BUY", "ann", "ABC", 500)
        house.pass_time(30)
        young = node.ask("BUY", "ann", "ABC", 500)
        house.pass_time(30)
        house.clock.advance(0.001)
        assert node.ask("COMMIT_BUY", "ann").receipt.shares == 1
        (entry,) = house.lapses("ann")
        assert entry.order_id != young.command_id
        assert house.account("ann").cash_cents == 500

    def test_it_is_decided_again_with_its_command_when_somebody_else_came_first(
        self, house: House, node: Node
    ) -> None:
        node.ask("BUY", "ann", "ABC", 1_000)
        other = house.node()
        other.ask("ADD", "ann", 5)
        pass_a_minute(house, 0.001)
        asked = node.ask("COMMIT_BUY", "ann")
        assert asked.code == Code.NO_PENDING_BUY
        assert len(house.lapses("ann")) == 1
        assert house.account("ann").cash_cents == 1_005


class TestALookThatFindsNothing:
    def test_it_is_noted_without_an_entry_and_not_looked_at_again(
        self, house: House, node: Node
    ) -> None:
        """Otherwise the trigger service would find the account overdue for ever."""
        node.ask("BUY", "ann", "ABC", 1_000)
        node.ask("COMMIT_BUY", "ann")
        assert house.account("ann").lapse_check_ms > 0
        node.store.batches.clear()
        pass_a_minute(house, 1)
        assert node.store.batches == [{"ann": []}]
        assert house.account("ann").lapse_check_ms == 0
        assert len(house.journal("ann")) == 3
        house.pass_time(60)
        assert len(node.store.batches) == 1
        assert outcome_of(house.another_store().overdue(house.now_ms(), 9)) == [[]]

    def test_it_moves_to_the_next_order(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "ABC", 500)
        house.pass_time(10)
        node.ask("BUY", "ann", "ABC", 500)
        node.ask("COMMIT_BUY", "ann")
        node.ask("COMMIT_BUY", "ann")
        node.ask("BUY", "ann", "ABC", 1)
        node.ask("ADD", "ann", 500)
        house.pass_time(20)
        last = node.ask("BUY", "ann", "ABC", 500)
        house.pass_time(31)
        assert house.lapses("ann") == []
        assert house.account("ann").lapse_check_ms == last.receipt.valid_until_ms + 1
        house.pass_time(31)
        assert [entry.order_id for entry in house.lapses("ann")] == [last.command_id]

    def test_it_shares_the_write_of_a_command(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "ABC", 500)
        node.ask("COMMIT_BUY", "ann")
        node.store.batches.clear()
        pass_a_minute(house, 0.001)
        assert node.ask("ADD", "ann", 1).receipt.seq == 4
        assert [len(batch["ann"]) for batch in node.store.batches] == [1]

    def test_somebody_else_may_have_written_meanwhile(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "ABC", 500)
        node.ask("COMMIT_BUY", "ann")
        house.node().ask("ADD", "ann", 1)
        pass_a_minute(house, 2)
        assert house.account("ann").lapse_check_ms == 0
        assert node.ask("ADD", "ann", 1).receipt.seq == 5

    def test_an_unknown_outcome_of_it_does_no_harm(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "ABC", 500)
        node.ask("COMMIT_BUY", "ann")
        node.store.fates = [Fate.LOST]
        pass_a_minute(house, 1)
        house.pass_time(3)
        assert house.account("ann").lapse_check_ms == 0
        assert node.ask("ADD", "ann", 1).receipt.seq == 4
