"""The store falls silent during a write: the journal says what was carried out, and nothing is
carried out twice or left out.
"""

import pytest

from ledger.store import Fenced
from protocol.messages import Health
from reactor_server.lane import REOPEN_S
from tests.reactor_server.house import House, Node
from tests.reactor_server.unsteady_store import Fate
from tests.service.links import outcome_of

both_ways = pytest.mark.parametrize("fate", [Fate.LOST, Fate.UNSEEN])


@pytest.fixture
def node(house: House) -> Node:
    """A node that has the accounts of ann and bob in use, with 1.00 each."""
    node = house.node()
    node.ask("ADD", "ann", 100)
    node.ask("ADD", "bob", 100)
    return node


@both_ways
class TestWhetherWrittenOrNot:
    def test_a_command_is_carried_out_once_and_answered_once(
        self, house: House, node: Node, fate: Fate
    ) -> None:
        node.store.fates = [fate]
        asked = node.ask("ADD", "ann", 1)
        assert asked.answers == []
        house.pass_time(2 * REOPEN_S)
        assert asked.receipt.seq == 2
        assert house.count(asked) == 1
        assert house.account("ann").cash_cents == 101

    def test_so_is_everything_in_the_batch_and_what_came_after_in_order(
        self, house: House, node: Node, fate: Fate
    ) -> None:
        node.store.fates = [fate]
        node.store.commits.shut()
        first = [node.send("ADD", user, 1) for user in ("ann", "bob", "ann", "carl")]
        house.turn()
        after = [node.ask("ADD", user, 1) for user in ("bob", "ann", "dora")]
        node.store.commits.open()
        house.pass_time(0.1)
        during = [node.ask("ADD", user, 1) for user in ("ann", "bob", "emil")]
        house.pass_time(2 * REOPEN_S)
        assert [each.receipt.seq for each in first] == [2, 2, 3, 1]
        assert [each.receipt.seq for each in after] == [3, 4, 1]
        assert [each.receipt.seq for each in during] == [5, 4, 1]
        assert {house.count(each) for each in (*first, *after, *during)} == {1}

    def test_it_may_happen_again_and_again(self, house: House, node: Node, fate: Fate) -> None:
        node.store.fates = [fate, Fate.LOST, fate, Fate.UNSEEN]
        asked = [node.send("ADD", "ann", 1), node.send("BUY", "bob", "ABC", 100)]
        house.pass_time(10 * REOPEN_S)
        assert asked[0].receipt.seq == 2
        assert {house.count(each) for each in asked} == {1}

    def test_a_store_that_stays_away_for_long_is_waited_for(
        self, house: House, node: Node, fate: Fate
    ) -> None:
        node.store.fates = [fate]
        asked = node.ask("ADD", "ann", 1)
        node.store.is_away = True
        house.pass_time(120)
        assert asked.answers == []
        node.store.is_away = False
        house.pass_time(5)
        assert asked.receipt.seq == 2
        assert house.account("ann").cash_cents == 101

    def test_a_lapse_is_made_once(self, house: House, node: Node, fate: Fate) -> None:
        node.prices.cents["ABC"] = 10
        node.ask("BUY", "ann", "ABC", 100)
        house.pass_time(59)
        node.store.fates = [fate]
        house.pass_time(2)
        assert node.store.fates == []
        house.pass_time(2 * REOPEN_S)
        assert len(house.lapses("ann")) == 1
        assert house.account("ann").cash_cents == 100
        assert node.ask("ADD", "ann", 1).receipt.seq == 4

    def test_what_is_shipped_has_no_gap(self, house: House, node: Node, fate: Fate) -> None:
        node.store.fates = [fate]
        node.ask("ADD", "ann", 1)
        house.pass_time(2 * REOPEN_S)
        node.ask("ADD", "ann", 1)
        shipped = node.shipped["node-1/0"].entries
        assert len(shipped) == 4
        assert shipped.count(None) == (1 if fate is Fate.UNSEEN else 0)

    def test_another_node_may_come_first(self, house: House, node: Node, fate: Fate) -> None:
        node.store.fates = [fate]
        asked = node.ask("ADD", "ann", 1)
        house.node().ask("ADD", "ann", 1_000)
        house.pass_time(2 * REOPEN_S)
        assert asked.receipt.seq == (2 if fate is Fate.UNSEEN else 3)
        assert house.account("ann").cash_cents == 1_101


def test_what_may_still_be_under_way_cannot_be_written_after(house: House, node: Node) -> None:
    """Otherwise the journal could say no, and the command be carried out later all the same."""
    (lane,) = node.assembly.desk.lanes
    under_way = lane._stream
    assert under_way is not None
    node.store.fates = [Fate.LOST]
    asked = node.ask("ADD", "ann", 1)
    house.pass_time(2 * REOPEN_S)
    assert asked.receipt.seq == 2
    assert [type(each) for each in outcome_of(house.another_store().commit(under_way, []))] == [
        Fenced
    ]


class TestAnotherWriterOfTheStream:
    def test_the_node_is_told_to_end_and_answers_nothing(self, house: House, node: Node) -> None:
        outcome_of(house.another_store().open_stream("node-1/0"))
        asked = node.ask("ADD", "ann", 1)
        later = node.ask("ADD", "bob", 1)
        house.pass_time(30)
        assert node.fenced == ["node-1"]
        assert [asked.answers, later.answers] == [[], []]
        assert house.account("ann").cash_cents == 100

    def test_the_node_says_that_it_is_not_well(self, house: House, node: Node) -> None:
        assert node.assembly.service.health() == Health(True, "")
        outcome_of(house.another_store().open_stream("node-1/0"))
        node.ask("ADD", "ann", 1)
        health = node.assembly.service.health()
        assert not health.ready
        assert health.reason

    def test_the_other_one_of_the_same_name_goes_on(self, house: House, node: Node) -> None:
        house.nodes.clear()
        heir = house.node()
        heir.store.commits.shut()
        asked = heir.ask("ADD", "ann", 1)
        node.ask("ADD", "ann", 5)
        heir.store.commits.open()
        house.turn()
        assert node.fenced == ["node-1"]
        assert asked.receipt.seq == 2


def test_a_write_that_fails_for_no_known_reason_ends_the_node(
    house: House, node: Node, failures: list[str]
) -> None:
    node.store.trouble = RuntimeError("a bug")
    asked = node.ask("ADD", "ann", 1)
    assert (node.fenced, asked.answers) == (["node-1"], [])
    assert "a bug" in failures.pop()
    failures.clear()
