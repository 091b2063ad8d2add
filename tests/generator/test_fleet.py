"""The fleet connects to whatever nodes there are, and says which ones are up."""

import pytest
from twisted.internet.protocol import Protocol

from generator.fleet import CONNECT_S_MAX, NoNode
from protocol.messages import Add
from tests.generator.nodes_in_memory import Playground
from tests.service.links import outcome_of
from tests.service.premises import credential


def test_one_node_that_is_up_is_enough() -> None:
    playground = Playground()
    playground["node-1"].endpoint.is_down = True
    opened = outcome_of(playground.fleet.open())
    playground.turn()
    assert opened == [None]
    assert playground.fleet.up.keys() == {"node-2"}


def test_where_no_node_is_up_the_reason_is_told_after_a_few_tries() -> None:
    playground = Playground()
    for node in playground.nodes.values():
        node.endpoint.is_down = True
    opened = outcome_of(playground.fleet.open())
    playground.clock.pass_time(5)
    [error] = opened
    assert isinstance(error, NoNode)
    assert str(error).startswith("no node can be used: Connection was refused by other side")
    assert [len(node.endpoint.attempts) for node in playground.nodes.values()] == [3, 3]
    assert playground.clock.getDelayedCalls() == []


def test_a_node_that_is_only_late_is_waited_for() -> None:
    playground = Playground(nodes=1)
    node = playground["node-1"]
    node.endpoint.is_down = True
    opened = outcome_of(playground.fleet.open())
    playground.turn()
    node.come_back()
    playground.clock.pass_time(1)
    assert opened == [None]
    assert playground.fleet.up.keys() == {"node-1"}


def test_a_wrong_password_is_told_as_such() -> None:
    playground = Playground(log_in_as=credential("bench", "wrong"))
    opened = outcome_of(playground.fleet.open())
    playground.clock.pass_time(5)
    [error] = opened
    assert str(error) == "no node can be used: the name or the password is wrong"


def test_as_long_as_one_node_may_still_answer_there_is_hope() -> None:
    playground = Playground()
    playground["node-1"].endpoint.is_down = True
    node = playground["node-2"]
    node.factory.buildProtocol = lambda _: Protocol()  # type: ignore[assignment, method-assign, return-value]
    opened = outcome_of(playground.fleet.open())
    playground.clock.pass_time(5)
    assert len(playground["node-1"].endpoint.attempts) > 3
    assert opened == []


def test_nodes_that_do_not_answer_are_given_up() -> None:
    playground = Playground(nodes=1)
    playground["node-1"].factory.buildProtocol = lambda _: Protocol()  # type: ignore[assignment, method-assign, return-value]
    opened = outcome_of(playground.fleet.open())
    playground.clock.pass_time(CONNECT_S_MAX - 1)
    assert opened == []
    playground.clock.pass_time(2)
    assert [str(error) for error in opened] == ["no node answered in time"]
    assert playground.clock.getDelayedCalls() == []


class TestChanges:
    @pytest.fixture
    def playground(self) -> Playground:
        playground = Playground()
        self.told: list[str] = []
        playground.fleet.on_up = lambda name: self.told.append(f"{name} up")
        playground.fleet.on_down = lambda name: self.told.append(f"{name} down")
        playground.open()
        self.told.clear()
        return playground

    def test_a_node_that_is_lost_is_down_until_it_can_be_logged_in_to_again(
        self, playground: Playground
    ) -> None:
        playground["node-1"].die()
        playground.turn()
        assert self.told == ["node-1 down"]
        assert playground.fleet.up.keys() == {"node-2"}
        playground["node-1"].come_back()
        playground.clock.pass_time(5)
        assert self.told == ["node-1 down", "node-1 up"]
        assert playground.fleet.up.keys() == {"node-1", "node-2"}

    def test_a_draining_node_is_down_once_and_comes_back_when_it_has_started_again(
        self, playground: Playground
    ) -> None:
        node = playground["node-1"]
        node.factory.drain()
        playground.turn()
        assert self.told == ["node-1 down"]
        node.factory.close_all()
        node.factory.is_draining = False
        playground.clock.pass_time(5)
        assert self.told == ["node-1 down", "node-1 up"]

    def test_a_node_that_still_drains_when_it_is_found_again_is_not_up(
        self, playground: Playground
    ) -> None:
        node = playground["node-1"]
        node.factory.drain()
        node.factory.close_all()
        playground.clock.pass_time(2)
        assert len(node.connections) > 1
        assert playground.fleet.up.keys() == {"node-2"}
        assert self.told[-1] == "node-1 down"

    def test_after_the_end_there_is_no_connection_and_no_timer(
        self, playground: Playground
    ) -> None:
        closed = outcome_of(playground.fleet.close())
        playground.turn()
        assert closed == [None]
        assert all(not node.factory.protocols for node in playground.nodes.values())
        assert playground.clock.getDelayedCalls() == []


def test_what_is_asked_goes_to_the_node_of_that_name() -> None:
    playground = Playground()
    playground.open()
    playground.fleet.up["node-2"].request(Add("anna", 1, 5))
    playground.turn()
    assert playground["node-2"].amounts("anna") == [5]
    assert playground["node-1"].taken == []
