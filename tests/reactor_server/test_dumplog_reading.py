"""A DUMPLOG goes no faster than its client reads, and ends when the client leaves."""

import pytest
from twisted.internet.endpoints import connectProtocol

from protocol.connection import hello
from protocol.messages import Chunk, DumpLog, Receipt
from service.server import WireServerFactory
from tests.reactor_server.customer import Customer
from tests.reactor_server.house import House, Node
from tests.reactor_server.log_keeper import LogKeeper
from tests.service.links import MemoryEndpoint
from tests.service.premises import VERIFIERS, Caller, request_id


@pytest.fixture
def node(house: House) -> Node:
    return house.node()


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


class TestAClientThatReadsSlowly:
    def congest(self, node: Node, is_congested: bool) -> None:
        node.customer.is_congested = is_congested
        node.assembly.service.congestion_changed(node.customer)

    def test_the_daemon_rests_until_it_has_read(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        node.ask("DUMPLOG", "ann", "log.xml")
        self.congest(node, True)
        keeper.say(b"part")
        assert node.customer.chunks == []
        self.congest(node, False)
        house.turn()
        assert node.customer.chunks == [b"part"]

    def test_a_dump_that_begins_meanwhile_rests_too(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        node.store.commits.shut()
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        self.congest(node, True)
        node.store.commits.open()
        house.turn()
        keeper.say(b"part")
        keeper.end()
        assert (node.customer.chunks, asked.answers) == ([], [])
        self.congest(node, False)
        house.turn()
        assert node.customer.chunks == [b"part"]
        assert asked.receipt.seq == 1

    def test_other_clients_do_not_rest(self, house: House, node: Node, keeper: LogKeeper) -> None:
        other = Customer()
        node.ask("DUMPLOG", "ann", "log.xml")
        node.ask("DUMPLOG", "bob", "log.xml", by=other)
        self.congest(node, True)
        keeper.say(b"part", number=1)
        assert other.chunks == [b"part"]

    def test_from_end_to_end_no_more_is_held_than_the_sockets_take(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        caller = logged_in(house, node, "ann")
        caller.say(DumpLog("ann", 1, "log.xml"), request_id(1))
        house.turn()
        caller.transport.pauseProducing()
        written = 0
        while not keeper.dumps[0][0].is_congested:
            keeper.say(bytes(10_000))
            written += 1
            assert written < 50
        assert caller.heard == []
        caller.transport.resumeProducing()
        keeper.end()
        assert [type(message) for _, message in caller.heard] == [Chunk] * written + [Receipt]


class TestAClientThatLeaves:
    def test_its_dump_ends(self, house: House, node: Node, keeper: LogKeeper) -> None:
        caller = logged_in(house, node, "ann")
        caller.say(DumpLog("ann", 1, "log.xml"), request_id(1))
        house.turn()
        assert len(house.audit.factory.protocols) == 1
        caller.transport.abortConnection()
        house.turn()
        assert house.audit.factory.protocols == set()
        assert node.assembly.dumping.is_idle

    def test_one_that_left_before_the_daemon_was_reached_is_not_dumped_for(
        self, house: House, node: Node, keeper: LogKeeper
    ) -> None:
        node.store.commits.shut()
        caller = logged_in(house, node, "ann")
        caller.say(DumpLog("ann", 1, "log.xml"), request_id(1))
        house.turn()
        caller.transport.abortConnection()
        house.turn()
        node.store.commits.open()
        house.turn()
        assert keeper.dumps == []
        assert house.audit.factory.protocols == set()
        assert node.assembly.dumping.is_idle
        assert node.assembly.dumping._daemons == {}

    def test_the_command_stays_in_the_journal(self, house: House, node: Node) -> None:
        asked = node.ask("DUMPLOG", "ann", "log.xml")
        node.assembly.service.link_lost(node.customer)
        house.turn()
        assert house.count(asked) == 1
