"""A node that stops answers what it took, hands on what it wrote, and then does nothing more; and a
node with many users keeps what it needs.
"""

import pytest
from twisted.internet.defer import Deferred

from protocol.messages import Chunk, Dumped
from tests.reactor_server.house import House, Node
from tests.service.links import outcome_of


@pytest.fixture
def node(house: House) -> Node:
    """A node at which ann has 10.00."""
    node = house.node()
    node.ask("ADD", "ann", 1_000)
    return node


def drained(node: Node) -> list[object]:
    """Filled when the node has drained."""
    return outcome_of(node.assembly.drain())


class TestDraining:
    def test_an_idle_node_has_drained(self, node: Node) -> None:
        assert drained(node) == [None]

    def test_a_commit_is_waited_for(self, house: House, node: Node) -> None:
        node.store.commits.shut()
        asked = node.ask("ADD", "ann", 1)
        outcome = drained(node)
        house.pass_time(5)
        assert outcome == []
        node.store.commits.open()
        house.pass_time(1)
        assert (asked.receipt.seq, outcome) == (2, [None])

    def test_a_price_is_waited_for(self, house: House, node: Node) -> None:
        asked = node.ask("QUOTE", "ann", "XYZ")
        outcome = drained(node)
        house.pass_time(5)
        assert outcome == []
        node.prices.answer("XYZ", 100)
        house.pass_time(1)
        assert (asked.receipt.price_cents, outcome) == (100, [None])

    def test_an_account_that_is_being_read_is_waited_for(self, house: House, node: Node) -> None:
        node.store.loading.shut()
        node.ask("ADD", "bob", 1)
        outcome = drained(node)
        house.pass_time(1)
        assert outcome == []
        node.store.loading.open()
        house.pass_time(1)
        assert outcome == [None]

    def test_a_dump_is_waited_for(self, house: House, node: Node) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        outcome = drained(node)
        house.pass_time(5)
        assert outcome == []
        ((link, dump_id, _),) = house.audit.service.requests
        link.push(dump_id, Chunk(b"<log/>"))
        link.reply(dump_id, Dumped(1))
        house.pass_time(1)
        assert (asked.receipt.seq, outcome) == (2, [None])

    def test_a_lapse_on_its_way_is_waited_for(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "ABC", 1_000)
        house.pass_time(59)
        node.store.commits.shut()
        house.pass_time(2)
        outcome = drained(node)
        assert outcome == []
        node.store.commits.open()
        house.pass_time(1)
        assert outcome == [None]


def test_flushing_waits_until_the_daemon_has_everything_of_every_lane(house: House) -> None:
    node = house.node(lanes=2)
    outcome = outcome_of(node.assembly.flush())
    first, second = node.shipped.values()
    first.acknowledged.callback(None)
    assert outcome == []
    second.acknowledged.callback(None)
    assert outcome == [None]


class TestClosing:
    def test_shippers_are_stopped_and_no_timer_is_left(self, house: House, node: Node) -> None:
        node.ask("BUY", "ann", "ABC", 1_000)
        assert outcome_of(node.assembly.close()) == [None]
        assert node.shipped["node-1/0"].is_stopped
        house.pass_time(120)
        assert house.lapses("ann") == []
        assert house.clock.getDelayedCalls() == []

    def test_nothing_new_is_written_though_a_commit_comes_back(
        self, house: House, node: Node
    ) -> None:
        node.store.commits.shut()
        first, second = node.ask("ADD", "ann", 1), node.ask("ADD", "ann", 2)
        outcome_of(node.assembly.close())
        node.store.commits.open()
        house.pass_time(1)
        assert first.receipt.seq == 2
        assert second.answers == []
        assert len(house.journal("ann")) == 2

    @pytest.mark.parametrize("what", ["load", "price", "history", "retry", "reopen", "batch"])
    def test_whatever_is_waited_for_is_given_up(self, house: House, node: Node, what: str) -> None:
        if what == "load":
            node.store.latency = Deferred
            node.ask("ADD", "bob", 1)
        elif what == "price":
            node.ask("QUOTE", "ann", "XYZ")
        elif what == "history":
            node.store.latency = Deferred
            node.ask("DUMPLOG", "ann", "log.xml")
        elif what == "retry":
            node.store.is_away = True
            node.ask("ADD", "bob", 1)
        elif what == "reopen":
            node.store.is_away = True
            node.ask("ADD", "ann", 1)
        else:
            node.send("ADD", "ann", 1)
        outcome_of(node.assembly.close())
        house.pass_time(5)
        assert house.clock.getDelayedCalls() == []
        assert len(house.journal("ann")) == 1
        assert "bob" not in house.ledger.accounts

    def test_a_dump_is_cut(self, house: House, node: Node) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        outcome_of(node.assembly.close())
        house.turn()
        assert asked.answers == []
        assert house.audit.factory.protocols == set()


class TestManyUsers:
    @pytest.fixture(autouse=True)
    def _few_seats(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("reactor_server.desk.SEATS_MAX", 3)

    def seats(self, node: Node) -> set[str]:
        """The users whose accounts the node has in use."""
        return set(node.assembly.desk._seats)

    def test_idle_ones_make_room_and_are_read_again_when_they_come_back(
        self, house: House, node: Node
    ) -> None:
        for number in range(20):
            node.ask("ADD", f"user{number}", 1)
            assert len(self.seats(node)) <= 3
        node.store.loads.clear()
        assert node.ask("ADD", "ann", 1).receipt.seq == 2
        assert node.store.loads == [["ann"]]

    def test_one_with_a_pending_order_stays_and_the_order_lapses(
        self, house: House, node: Node
    ) -> None:
        node.ask("BUY", "ann", "ABC", 1_000)
        for number in range(10):
            node.ask("ADD", f"user{number}", 1)
        assert "ann" in self.seats(node)
        house.pass_time(61)
        assert len(house.lapses("ann")) == 1

    def test_one_that_waits_for_something_stays(self, house: House, node: Node) -> None:
        waiting = node.ask("QUOTE", "ann", "XYZ")
        for number in range(10):
            node.ask("ADD", f"user{number}", 1)
        later = node.ask("ADD", "ann", 1)
        node.prices.answer("XYZ", 100)
        house.turn()
        assert (waiting.receipt.seq, later.receipt.seq) == (2, 3)

    def test_one_whose_commit_is_on_its_way_stays(self, house: House, node: Node) -> None:
        """A second seat beside it would decide on an account that is older."""
        node.ask("BUY", "ann", "ABC", 1_000)
        node.ask("COMMIT_BUY", "ann")
        house.pass_time(60)
        node.store.commits.shut()
        house.pass_time(1)
        assert node.store.batches[-1] == {"ann": []}
        for number in range(10):
            node.ask("ADD", f"user{number}", 1)
        assert "ann" in self.seats(node)
        loads = len(node.store.loads)
        asked = node.ask("ADD", "ann", 1)
        assert len(node.store.loads) == loads
        node.store.commits.open()
        house.turn()
        assert asked.receipt.seq == 4


class TestTriggersThatChanged:
    @pytest.fixture
    def told(self, house: House) -> list[list[str]]:
        """What trigger services were told, each time."""
        told: list[list[str]] = []
        house.ledger.armed_listeners.append(
            lambda names: told.append(sorted(f"{n.user} {n.side} {n.symbol}" for n in names))
        )
        return told

    def test_trigger_services_are_told_what_was_set_armed_and_cancelled(
        self, house: House, node: Node, told: list[list[str]]
    ) -> None:
        node.ask("SET_BUY_AMOUNT", "ann", "abc", 100)
        house.pass_time(1)
        node.ask("SET_BUY_TRIGGER", "ann", "ABC", 100)
        house.pass_time(1)
        node.ask("CANCEL_SET_BUY", "ann", "ABC")
        house.pass_time(1)
        assert told == [["ann buy ABC"]] * 3

    def test_not_before_it_is_durable_and_not_of_what_was_refused(
        self, house: House, node: Node, told: list[list[str]]
    ) -> None:
        node.ask("SET_BUY_TRIGGER", "ann", "XYZ", 100)
        node.store.commits.shut()
        node.ask("SET_BUY_AMOUNT", "ann", "ABC", 100)
        house.pass_time(1)
        assert told == []
        node.store.commits.open()
        house.pass_time(1)
        assert told == [["ann buy ABC"]]

    def test_many_changes_are_told_together(
        self, house: House, node: Node, told: list[list[str]]
    ) -> None:
        for symbol in ("A", "B", "C"):
            node.ask("SET_BUY_AMOUNT", "ann", symbol, 100)
        house.pass_time(1)
        assert told == [["ann buy A", "ann buy B", "ann buy C"]]
