"""A command finds a node that answers, and is done once whichever that is."""

import pytest

from protocol.errors import Code, TradeError
from protocol.messages import Add, Error, Receipt
from tests.generator.nodes_in_memory import RECEIPT, NodeInMemory, keep_waiting, user_of
from tests.service.links import BoundedClock, outcome_of
from tests.service.premises import credential
from web.nodes import ANSWER_S_MAX, Nodes

ANNA = user_of("node-1")
ID = b"i" * 16


class Web:
    """Two nodes, and the web's way to them."""

    def __init__(self) -> None:
        self.clock = BoundedClock()
        names = ("node-1", "node-2")
        self.nodes = {name: NodeInMemory(self.clock, name) for name in names}
        endpoints = {name: node.endpoint for name, node in self.nodes.items()}
        self.way = Nodes(self.clock, endpoints, credential("bench"), lambda: 0.5)
        outcome_of(self.way.start())
        self.clock.advance(0)

    def ask(self) -> list[object]:
        """One command; the list holds its answer once there is one."""
        outcome = outcome_of(self.way.ask(ID, Add(ANNA, 1, 5)))
        self.clock.advance(0)
        return outcome


@pytest.fixture
def web() -> Web:
    return Web()


def test_a_command_goes_to_its_users_node(web: Web) -> None:
    assert web.ask() == [RECEIPT]
    assert (len(web.nodes["node-1"].taken), len(web.nodes["node-2"].taken)) == (1, 0)


def test_what_a_lost_node_did_not_answer_is_asked_of_another_under_the_same_id(web: Web) -> None:
    web.nodes["node-1"].answer = keep_waiting
    outcome = web.ask()
    web.nodes["node-1"].die()
    web.clock.pass_time(2)
    assert outcome == [RECEIPT]
    assert web.nodes["node-2"].taken == web.nodes["node-1"].taken


@pytest.mark.parametrize("code", [Code.DRAINING, Code.INTERNAL, Code.STORE_UNAVAILABLE])
def test_what_a_node_could_not_take_is_asked_again(web: Web, code: Code) -> None:
    answers = iter([Error(code, "not now"), RECEIPT])
    web.nodes["node-1"].answer = lambda _command: next(answers)
    outcome = web.ask()
    web.clock.pass_time(1)
    assert outcome == [RECEIPT]


def test_what_a_node_will_never_take_is_not_asked_again(web: Web) -> None:
    web.nodes["node-1"].answer = lambda _command: Error(Code.ID_REUSED, "another body")
    (refusal,) = web.ask()
    assert isinstance(refusal, TradeError) and refusal.code is Code.ID_REUSED
    assert len(web.nodes["node-1"].taken) == 1


def test_nobody_waits_for_ever_where_no_node_answers(web: Web) -> None:
    for node in web.nodes.values():
        node.die()
    outcome = web.ask()
    web.clock.pass_time(ANSWER_S_MAX + 1)
    assert isinstance(outcome[0], TradeError) and outcome[0].code is Code.INTERNAL


def test_nobody_waits_for_ever_for_a_node_that_says_nothing(web: Web) -> None:
    web.nodes["node-1"].answer = keep_waiting
    outcome = web.ask()
    web.clock.pass_time(ANSWER_S_MAX + 1)
    assert isinstance(outcome[0], TradeError) and outcome[0].code is Code.INTERNAL
    web.nodes["node-1"].reply(0, Receipt(9, 9))
    web.clock.advance(0)
    assert len(outcome) == 1


def test_the_administrator_sees_which_nodes_are_up(web: Web) -> None:
    web.nodes["node-2"].die()
    web.clock.pass_time(1)
    assert [(line.name, line.is_up) for line in web.way.lines()] == [
        ("node-1", True),
        ("node-2", False),
    ]
