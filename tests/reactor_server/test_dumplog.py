"""DUMPLOG: the log comes from the audit daemon through the node, no faster than it is read."""

from typing import cast

import pytest
from twisted.internet.endpoints import connectProtocol

from protocol.authentication import AccessRole
from protocol.connection import hello
from protocol.errors import Code
from protocol.messages import Chunk, Dump, Dumped, DumpLog, Error, Receipt, StreamPosition
from reactor_server.dumping import DEADLINE_S
from service.server import Link, WireServerFactory
from tests.reactor_server.house import Asked, Customer, House, Node
from tests.service.links import MemoryEndpoint
from tests.service.premises import VERIFIERS, Caller, ServerInMemory, request_id


@pytest.fixture
def node(house: House) -> Node:
    """A node at which ann and bob have money."""
    node = house.node()
    for user in ("ann", "bob"):
        node.ask("ADD", user, 1)
    return node


class Daemon:
    """The audit daemon, as far as one dump sees it; answers when the test says so."""

    def __init__(self, house: House) -> None:
        self._house = house

    @property
    def dumps(self) -> list[tuple[Link, bytes, Dump]]:
        """Who asked, under which id, for what."""
        return cast(list[tuple[Link, bytes, Dump]], self._house.audit.service.requests)

    def say(self, *chunks: bytes, number: int = 0) -> None:
        """Send parts of the log."""
        link, dump_id, _ = self.dumps[number]
        for data in chunks:
            link.push(dump_id, Chunk(data))
        self._house.turn()

    def end(self, answer: Dumped | Error | None = None, number: int = 0) -> None:
        """Say that this was all."""
        link, dump_id, _ = self.dumps[number]
        link.reply(dump_id, answer or Dumped(1))
        self._house.turn()


@pytest.fixture
def daemon(house: House) -> Daemon:
    return Daemon(house)


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
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        ((link, _, dump),) = daemon.dumps
        assert (link.name, link.role) == ("node-1", AccessRole.NODE)
        assert (dump.user, dump.deadline_ms) == ("ann", DEADLINE_S * 1000)
        assert own_entry(house, dump) == asked.command_id

    def test_everybodys_log_has_no_user(self, node: Node, daemon: Daemon) -> None:
        node.ask("DUMPLOG", "", "log.xml", by=Customer("root", AccessRole.ADMINISTRATOR))
        assert daemon.dumps[0][2].user == ""

    def test_it_reaches_as_far_as_every_stream_had_come(
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        other = house.node(lanes=2)
        for user in ("carl", "dora", "emil", "fred", "gina"):
            other.ask("ADD", user, 1)
        node.ask("DUMPLOG", "ann", "log.xml")
        positions = {place.stream: place.number for place in daemon.dumps[0][2].positions}
        assert positions == {
            stream: len(entries) for stream, entries in house.ledger.stream_entries.items()
        }
        assert len(positions) == 3

    def test_its_own_entry_is_told_apart_from_the_others_of_its_batch(
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        node.send("ADD", "zoe", 1)
        node.send("ADD", "ann", 1)
        asked = node.send("DUMPLOG", "bob", "log.xml")
        node.send("ADD", "bob", 1)
        node.send("ADD", "ann", 1)
        house.turn()
        assert own_entry(house, daemon.dumps[0][2]) == asked.command_id

    def test_a_file_name_that_is_none_is_refused_without_asking(
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        assert node.ask("DUMPLOG", "ann", "").code == Code.BAD_FILENAME
        assert house.audit.endpoint.attempts == []


class TestTheStream:
    def test_parts_are_passed_on_in_order_and_then_the_receipt(
        self, node: Node, daemon: Daemon
    ) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        daemon.say(b"<log>", b"...")
        assert node.customer.chunks == [b"<log>", b"..."]
        assert asked.answers == []
        daemon.say(b"</log>")
        daemon.end()
        assert node.customer.chunks[-1] == b"</log>"
        assert asked.receipt.seq == 2

    def test_other_commands_of_the_user_do_not_wait_for_it(
        self, node: Node, daemon: Daemon
    ) -> None:
        node.ask("DUMPLOG", "ann", "log.xml")
        assert node.ask("ADD", "ann", 1).receipt.seq == 3

    def test_the_connection_ends_with_it(self, house: House, node: Node, daemon: Daemon) -> None:
        node.ask("DUMPLOG", "ann", "log.xml")
        daemon.end()
        assert house.audit.factory.protocols == set()

    def test_everybody_who_asked_gets_it_whole(
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        node.store.commits.shut()
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        again = node.ask_again(asked, by=Customer())
        node.store.commits.open()
        house.turn()
        for number in range(2):
            daemon.say(b"<log/>", number=number)
            daemon.end(number=number)
        assert asked.receipt == again.receipt
        assert asked.customer.chunks == again.customer.chunks == [b"<log/>"]

    def test_sent_again_it_is_told_afresh_and_under_its_first_number(
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        daemon.end()
        node.ask("ADD", "ann", 1)
        again = house.node().ask_again(asked, by=Customer())
        _, _, dump = daemon.dumps[1]
        assert dump.last is None
        assert dump.positions == [StreamPosition("node-1/0", 4), StreamPosition("node-2/0", 0)]
        daemon.say(b"<log/>", number=1)
        daemon.end(number=1)
        assert again.receipt == asked.receipt
        assert again.customer.chunks == [b"<log/>"]


class TestTrouble:
    def assert_unavailable_until_it_is_back(self, house: House, node: Node, asked: Asked) -> None:
        assert isinstance(asked.answer, Error)
        assert asked.code == Code.AUDIT_UNAVAILABLE
        house.audit.endpoint.is_down = False
        again = node.ask_again(asked, by=Customer())
        Daemon(house).end(number=-1)
        assert again.receipt.seq == 2

    def test_a_daemon_that_is_down_is_told_and_it_may_be_sent_again(
        self, house: House, node: Node
    ) -> None:
        house.audit.endpoint.is_down = True
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        self.assert_unavailable_until_it_is_back(house, node, asked)

    def test_so_is_one_that_dies_in_the_middle(
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        daemon.say(b"<log>")
        house.audit.endpoint.clients[-1].peer.abortConnection()
        house.turn()
        self.assert_unavailable_until_it_is_back(house, node, asked)

    def test_so_is_one_that_lacks_entries_for_too_long(
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        daemon.end(Error(Code.AUDIT_UNAVAILABLE, "it lacked entries"))
        assert isinstance(asked.answer, Error)
        assert asked.answer.message == "it lacked entries"
        self.assert_unavailable_until_it_is_back(house, node, asked)

    def test_what_the_daemon_has_against_the_node_is_not_the_clients_business(
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        daemon.end(Error(Code.NOT_PERMITTED, "you may not"))
        self.assert_unavailable_until_it_is_back(house, node, asked)

    def test_a_daemon_that_does_not_let_the_node_in_counts_as_away(self, house: House) -> None:
        house.audit = ServerInMemory(type(VERIFIERS)({}), clock=house.clock)
        node = house.node()
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        assert asked.code == Code.AUDIT_UNAVAILABLE


class TestAClientThatReadsSlowly:
    def congest(self, node: Node, is_congested: bool) -> None:
        node.customer.is_congested = is_congested
        node.assembly.service.congestion_changed(node.customer)

    def test_the_daemon_rests_until_it_has_read(
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        node.ask("DUMPLOG", "ann", "log.xml")
        self.congest(node, True)
        daemon.say(b"part")
        assert node.customer.chunks == []
        self.congest(node, False)
        house.turn()
        assert node.customer.chunks == [b"part"]

    def test_a_dump_that_begins_meanwhile_rests_too(
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        node.store.commits.shut()
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        self.congest(node, True)
        node.store.commits.open()
        house.turn()
        daemon.say(b"part")
        daemon.end()
        assert (node.customer.chunks, asked.answers) == ([], [])
        self.congest(node, False)
        house.turn()
        assert node.customer.chunks == [b"part"]
        assert asked.receipt.seq == 2

    def test_other_clients_do_not_rest(self, house: House, node: Node, daemon: Daemon) -> None:
        other = Customer()
        node.ask("DUMPLOG", "ann", "log.xml")
        node.ask("DUMPLOG", "bob", "log.xml", by=other)
        self.congest(node, True)
        daemon.say(b"part", number=1)
        assert other.chunks == [b"part"]

    def test_from_end_to_end_no_more_is_held_than_the_sockets_take(
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        caller = logged_in(house, node, "ann")
        caller.say(DumpLog("ann", 1, "log.xml"), request_id(1))
        house.turn()
        caller.transport.pauseProducing()
        written = 0
        while not daemon.dumps[0][0].is_congested:
            daemon.say(bytes(10_000))
            written += 1
            assert written < 50
        assert caller.heard == []
        caller.transport.resumeProducing()
        daemon.end()
        assert [type(message) for _, message in caller.heard] == [Chunk] * written + [Receipt]


class TestAClientThatLeaves:
    def test_its_dump_ends(self, house: House, node: Node, daemon: Daemon) -> None:
        caller = logged_in(house, node, "ann")
        caller.say(DumpLog("ann", 1, "log.xml"), request_id(1))
        house.turn()
        assert len(house.audit.factory.protocols) == 1
        caller.transport.abortConnection()
        house.turn()
        assert house.audit.factory.protocols == set()
        assert node.assembly.dumping.is_idle

    def test_one_that_left_before_the_daemon_was_reached_is_not_dumped_for(
        self, house: House, node: Node, daemon: Daemon
    ) -> None:
        node.store.commits.shut()
        caller = logged_in(house, node, "ann")
        caller.say(DumpLog("ann", 1, "log.xml"), request_id(1))
        house.turn()
        caller.transport.abortConnection()
        house.turn()
        node.store.commits.open()
        house.turn()
        assert daemon.dumps == []
        assert house.audit.factory.protocols == set()
        assert node.assembly.dumping.is_idle
        assert node.assembly.dumping._daemons == {}

    def test_the_command_stays_in_the_journal(self, house: House, node: Node) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        node.assembly.service.link_lost(node.customer)
        house.turn()
        assert house.count(asked) == 1


def logged_in(house: House, node: Node, name: str) -> Caller:
    """A client at the node's own port."""
    factory = WireServerFactory(house.clock, node.name, node.assembly.service, VERIFIERS, b"")
    caller = Caller()
    connectProtocol(MemoryEndpoint(house.clock, factory), caller)
    house.turn()
    caller.say(hello("test"))
    house.turn()
    house.audit.log_in(caller, name)
    caller.heard.clear()
    return caller
