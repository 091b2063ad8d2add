"""Decision times go back neither within a node nor for a user, whatever the nodes' clocks say."""

from twisted.internet.task import deferLater

from protocol.errors import Code
from tests.reactor_server.house import START_MS, House, Node
from tests.service.links import outcome_of

AHEAD_MS = 2_500


def test_a_node_tells_the_time_of_the_store(house: House) -> None:
    house.pass_time(3)
    house.ahead_ms = AHEAD_MS
    node = house.node()
    house.ahead_ms = 0
    house.pass_time(1)
    assert node.ask("ADD", "ann", 1).receipt.decided_ms == START_MS + AHEAD_MS + 4_000


def test_the_time_that_asking_took_is_halved(house: House) -> None:
    """The store looked at its clock somewhere on the way."""
    node = Node(house, "far-away", lanes=1)
    node.store.latency = lambda: deferLater(house.clock, 2)
    started = outcome_of(node.assembly.start())
    house.pass_time(10)
    assert started == [None]
    assert node.assembly.steady.now_ms() == house.now_ms()


def test_a_user_decided_by_a_node_that_is_ahead_does_not_go_back_at_another(
    house: House,
) -> None:
    node = house.node()
    house.ahead_ms = AHEAD_MS
    ahead = house.node().ask("ADD", "ann", 1).receipt
    behind = node.ask("ADD", "ann", 1).receipt
    assert behind.decided_ms == ahead.decided_ms == START_MS + AHEAD_MS


def test_neither_does_the_node_for_any_other_user(house: House) -> None:
    node = house.node()
    house.ahead_ms = AHEAD_MS
    house.node().ask("ADD", "ann", 1)
    node.ask("ADD", "ann", 1)
    assert node.ask("ADD", "bob", 1).receipt.decided_ms == START_MS + AHEAD_MS
    house.pass_time(5)
    assert node.ask("ADD", "carl", 1).receipt.decided_ms == START_MS + 5_000


def test_a_conflict_brings_the_others_time_along(house: House) -> None:
    node = house.node()
    node.ask("ADD", "ann", 1)
    house.ahead_ms = AHEAD_MS
    house.node().ask("ADD", "ann", 1)
    assert node.ask("ADD", "ann", 1).receipt.decided_ms == START_MS + AHEAD_MS


def test_a_node_that_starts_again_does_not_go_back_behind_its_own_stream(house: House) -> None:
    house.ahead_ms = AHEAD_MS
    house.node().ask("ADD", "ann", 1)
    house.nodes.clear()
    house.ahead_ms = 0
    again = house.node()
    assert again.ask("ADD", "bob", 1).receipt.decided_ms == START_MS + AHEAD_MS


def test_all_that_is_decided_in_one_moment_bears_its_time(house: House) -> None:
    node = house.node()
    asked = [node.ask("ADD", user, 1) for user in ("ann", "bob", "ann")]
    assert {each.receipt.decided_ms for each in asked} == {START_MS}


def test_an_order_is_as_old_as_the_decisions_say(house: House) -> None:
    """A node whose clock is ahead lets it lapse by its own time; the other then agrees."""
    node = house.node()
    node.ask("ADD", "ann", 1_000)
    bought = node.ask("BUY", "ann", "ABC", 1_000).receipt
    house.ahead_ms = AHEAD_MS
    ahead = house.node()
    house.pass_time(58)
    late = ahead.ask("COMMIT_BUY", "ann")
    assert late.code == Code.NO_PENDING_BUY
    (entry,) = house.lapses("ann")
    assert entry.decided_ms > bought.valid_until_ms
    assert node.ask("COMMIT_BUY", "ann").code == Code.NO_PENDING_BUY


def test_a_dump_is_not_decided_before_what_it_will_tell(house: House) -> None:
    node = house.node()
    house.ahead_ms = AHEAD_MS
    house.node().ask("ADD", "bob", 1)
    house.ahead_ms = 0
    node.ask("DUMPLOG", "ann", "log.xml")
    (entry,) = house.journal("ann")
    assert entry.decided_ms == START_MS + AHEAD_MS
