"""DUMPLOG: what a node asks the audit daemon for, and what the client gets of it."""

import pytest

from protocol.authentication import AccessRole
from protocol.errors import Code
from protocol.messages import Dump, Error, StreamPosition
from reactor_server.dumping import DEADLINE_S
from tests.reactor_server.customer import Asked, Customer
from tests.reactor_server.house import House, Node
from tests.reactor_server.log_keeper import LogKeeper
from tests.service.premises import VERIFIERS, ServerInMemory


@pytest.fixture
def node(house: House) -> Node:
    """A node at which ann and bob have money."""
    node = house.node()
    for user in ("ann", "bob"):
        node.ask("ADD", user, 1)
    return node


def own_entry(house: House, dump: Dump) -> bytes:
    """The id of the command whose entry is to be told last."""
    last = dump.last
    assert last is not None
    positions = {place.stream: place.number for place in dump.positions}
    assert positions[last.stream] == last.number
    entry = house.ledger.stream_entries[last.stream][last.number - 1]
    (command_id,) = [key for key, value in house.ledger.journal.items() if value is entry]
    return command_id


class TestWhatIsAskedFor:
    def test_a_users_log_ends_with_the_command_itself(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        ((link, _, dump),) = keeper.dumps
        assert (link.name, link.role) == ("node-1", AccessRole.NODE)
        assert (dump.user, dump.deadline_ms) == ("ann", DEADLINE_S * 1000)
        assert own_entry(house, dump) == asked.command_id
        assert dump.until_ms == house.journal("ann")[-1].decided_ms

    def test_everybodys_log_has_no_user(self, node: Node, keeper: LogKeeper) -> None:
        node.ask("DUMPLOG", "", "log.xml", by=Customer("root", AccessRole.ADMINISTRATOR))
        assert keeper.dumps[0][2].user == ""

    def test_it_reaches_as_far_as_every_stream_had_come(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        other = house.node(lanes=2)
        for user in ("carl", "dora", "emil", "fred", "gina"):
            other.ask("ADD", user, 1)
        node.ask("DUMPLOG", "ann", "log.xml")
        positions = {place.stream: place.number for place in keeper.dumps[0][2].positions}
        assert positions == {
            stream: len(entries) for stream, entries in house.ledger.stream_entries.items()
        }
        assert len(positions) == 3

    def test_its_own_entry_is_told_apart_from_the_others_of_its_batch(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        node.send("ADD", "zoe", 1)
        node.send("ADD", "ann", 1)
        asked = node.send("DUMPLOG", "bob", "log.xml")
        node.send("ADD", "bob", 1)
        node.send("ADD", "ann", 1)
        house.turn()
        assert own_entry(house, keeper.dumps[0][2]) == asked.command_id

    def test_decided_again_it_reaches_as_far_as_what_came_first(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        node.store.commits.shut()
        node.ask("DUMPLOG", "ann", "log.xml")
        house.node().ask("ADD", "ann", 1)
        node.store.commits.open()
        house.turn()
        positions = {place.stream: place.number for place in keeper.dumps[0][2].positions}
        assert positions == {"node-1/0": 3, "node-2/0": 1}

    def test_a_file_name_that_is_none_is_refused_without_asking(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        assert node.ask("DUMPLOG", "ann", "").code == Code.BAD_FILENAME
        assert house.audit.endpoint.attempts == []


class TestTheStream:
    def test_parts_are_passed_on_in_order_and_then_the_receipt(
        self, node: Node, keeper: LogKeeper
    ) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        keeper.say(b"<log>", b"...")
        assert node.customer.chunks == [b"<log>", b"..."]
        assert asked.answers == []
        keeper.say(b"</log>")
        keeper.end()
        assert node.customer.chunks[-1] == b"</log>"
        assert asked.receipt.seq == 2

    def test_other_commands_of_the_user_do_not_wait_for_it(
        self, node: Node, keeper: LogKeeper
    ) -> None:
        node.ask("DUMPLOG", "ann", "log.xml")
        assert node.ask("ADD", "ann", 1).receipt.seq == 3

    def test_the_connection_ends_with_it(self, house: House, node: Node, keeper: LogKeeper) -> None:
        node.ask("DUMPLOG", "ann", "log.xml")
        keeper.end()
        assert house.audit.factory.protocols == set()

    def test_everybody_who_asked_gets_it_whole(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        node.store.commits.shut()
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        again = node.ask_again(asked, by=Customer())
        node.store.commits.open()
        house.turn()
        for number in range(2):
            keeper.say(b"<log/>", number=number)
            keeper.end(number=number)
        assert asked.receipt == again.receipt
        assert asked.customer.chunks == again.customer.chunks == [b"<log/>"]

    def test_sent_again_it_is_told_afresh_and_under_its_first_number(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        keeper.end()
        node.ask("ADD", "ann", 1)
        again = house.node().ask_again(asked, by=Customer())
        _, _, dump = keeper.dumps[1]
        assert (dump.last, dump.until_ms) == (None, 0)
        assert dump.positions == [StreamPosition("node-1/0", 4), StreamPosition("node-2/0", 0)]
        keeper.say(b"<log/>", number=1)
        keeper.end(number=1)
        assert again.receipt == asked.receipt
        assert again.customer.chunks == [b"<log/>"]


class TestTrouble:
    def assert_unavailable_until_it_is_back(self, house: House, node: Node, asked: Asked) -> None:
        assert isinstance(asked.answer, Error)
        assert asked.code == Code.AUDIT_UNAVAILABLE
        house.audit.endpoint.is_down = False
        again = node.ask_again(asked, by=Customer())
        LogKeeper(house.audit).end(number=-1)
        assert again.receipt.seq == 2

    def test_a_daemon_that_is_down_is_told_and_it_may_be_sent_again(
        self, house: House, node: Node
    ) -> None:
        house.audit.endpoint.is_down = True
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        self.assert_unavailable_until_it_is_back(house, node, asked)

    def test_so_is_one_that_dies_in_the_middle(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        keeper.say(b"<log>")
        house.audit.endpoint.clients[-1].peer.abortConnection()
        house.turn()
        self.assert_unavailable_until_it_is_back(house, node, asked)

    def test_so_is_one_that_lacks_entries_for_too_long(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        keeper.end(Error(Code.AUDIT_UNAVAILABLE, "it lacked entries"))
        assert isinstance(asked.answer, Error)
        assert asked.answer.message == "it lacked entries"
        self.assert_unavailable_until_it_is_back(house, node, asked)

    def test_what_the_daemon_has_against_the_node_is_not_the_clients_business(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        keeper.end(Error(Code.NOT_PERMITTED, "you may not"))
        self.assert_unavailable_until_it_is_back(house, node, asked)

    def test_a_daemon_that_does_not_let_the_node_in_counts_as_away(self, house: House) -> None:
        house.audit = ServerInMemory(type(VERIFIERS)({}), clock=house.clock)
        node = house.node()
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        assert asked.code == Code.AUDIT_UNAVAILABLE
