"""What nodes say of themselves to the administrator."""

import json

import pytest

from protocol.errors import Code, TradeError
from protocol.messages import Error, Message, Operate, Report
from service.credentials import Credential
from tests.service.links import BoundedClock, outcome_of
from tests.service.premises import ServerInMemory, credential
from web.node_reports import ANSWER_S_MAX, NodeReport, NodeReports
from web.nodes import Nodes

SAID = {
    "status": {"name": "node-1", "pid": 7, "up_s": 12.5, "ready": True, "reason": ""},
    "quotes": {
        "held": 1,
        "quotes": [{"symbol": "ABC", "price_cents": 500, "quoted_ms": 9, "usable_ms": 59_000}],
    },
    "legacy": {"breaker": "closed", "requests": 3, "hits": 2, "cost_cents": 10},
}


ROOT = credential("root")


class Office:
    """One node that is asked for reports."""

    def __init__(self, asker: Credential | None = ROOT) -> None:
        self.clock = BoundedClock()
        self.node = ServerInMemory(clock=self.clock)
        endpoints = {"node-1": self.node.endpoint}
        nodes = Nodes(self.clock, endpoints, credential("bench"), lambda: 0.5)
        self.reports = NodeReports(self.clock, nodes, asker)

    def ask(self, name: str = "node-1") -> list[object]:
        """Ask for a report; the list holds it, or the refusal, once it is there."""
        outcome = outcome_of(self.reports.of(name, "root"))
        self.clock.advance(0)
        return outcome

    @property
    def asked(self) -> list[Message]:
        """What the node was asked so far."""
        return [request for _, _, request in self.node.service.requests]

    def say(self, reply: Message) -> None:
        """Answer the last question."""
        self.node.service.answer(len(self.asked) - 1, reply)
        self.clock.advance(0)


def report(verb: str) -> Report:
    return Report(json.dumps(SAID[verb]).encode())


def test_a_node_is_asked_for_three_things_in_the_administrators_name() -> None:
    office = Office()
    outcome = office.ask()
    for verb in SAID:
        assert office.asked[-1] == Operate(verb, [], "root")
        office.say(report(verb))
    (told,) = outcome
    assert isinstance(told, NodeReport)
    assert (told.status.ready, told.cache.held, told.legacy.hits) == (True, 1, 2)
    assert told.cache.quotes[0].symbol == "ABC"
    assert all(client.peer.connected == 0 for client in office.node.endpoint.clients)


@pytest.mark.parametrize(
    "reply", [Report(b"{}"), Report(b"nonsense"), Error(Code.NOT_PERMITTED, "not you")]
)
def test_a_node_that_says_something_else_is_told_of_in_a_sentence(reply: Message) -> None:
    office = Office()
    outcome = office.ask()
    office.say(reply)
    assert isinstance(outcome[0], TradeError)


def test_nobody_waits_for_ever_for_a_node_that_is_silent_or_away() -> None:
    office = Office()
    outcome = office.ask()
    office.clock.pass_time(ANSWER_S_MAX)
    assert isinstance(outcome[0], TradeError)
    office.node.endpoint.is_down = True
    assert isinstance(office.ask()[0], TradeError)


def test_a_node_that_is_none_and_a_server_that_may_not_ask_are_told() -> None:
    assert isinstance(Office().ask("node-9")[0], TradeError)
    assert isinstance(Office(None).ask()[0], TradeError)
