"""Operators ask a daemon by verbs: each for a role, with its words, and written down before."""

from collections.abc import Sequence

import msgspec
import pytest
from twisted.internet.defer import Deferred

from protocol.authentication import AccessRole
from protocol.errors import Code, TradeError
from protocol.messages import Error, Health, Message, Operate, Receipt, Report
from service.link import Link
from service.operations import NoTrade, OperatedService, Verb
from tests.service.premises import ServerInMemory, ServiceDouble, add, request_id


class Daemon(ServerInMemory):
    """A server whose service can be operated; it remembers what was written down."""

    def __init__(self) -> None:
        super().__init__()
        self.later: Deferred[str] = Deferred()
        self.asked: list[tuple[str, str, list[str], bool]] = []
        operated = OperatedService(self.service)
        operated.on_asked = self._asked
        operated.offer(
            [
                Verb("say", "WORD [MORE]", "says it", lambda *words: list(words)),
                Verb("wait", "", "waits", self._wait),
                Verb("break", "", "breaks", lambda: 1 // 0),
                Verb("refuse", "", "refuses", self._refuse),
                Verb("stop", "", "stops", lambda: "stopped", AccessRole.ADMINISTRATOR),
            ]
        )
        self.factory.service = operated

    async def _wait(self) -> str:
        return await self.later

    def _refuse(self) -> None:
        raise TradeError(Code.BAD_USER, "no such thing")

    def _asked(
        self, _link: Link, operator: str, verb: str, words: Sequence[str], is_refused: bool
    ) -> None:
        self.asked.append((operator, verb, list(words), is_refused))

    def ask_as(self, name: str, verb: str, *words: str, operator: str = "") -> Message:
        """The answer to an operator's question."""
        caller = self.logged_in(name)
        caller.say(Operate(verb, list(words), operator), request_id(1))
        self.turn()
        return caller.last[1]


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


def said(answer: Message) -> object:
    assert isinstance(answer, Report), answer
    return msgspec.json.decode(answer.document)


def code_of(answer: Message) -> Code:
    assert isinstance(answer, Error), answer
    return Code(answer.code)


def test_a_verb_gets_its_words_and_its_answer_comes_as_json(daemon: Daemon) -> None:
    assert said(daemon.ask_as("olga", "say", "a", "b")) == ["a", "b"]


def test_an_answer_may_come_later(daemon: Daemon) -> None:
    caller = daemon.logged_in("olga")
    caller.say(Operate("wait", [], ""), request_id(1))
    daemon.turn()
    assert caller.heard == []
    daemon.later.callback("done")
    daemon.turn()
    assert said(caller.last[1]) == "done"
    assert daemon.factory.outstanding == 0


def test_too_many_or_too_few_words_are_told_with_the_right_ones(daemon: Daemon) -> None:
    for words in ([], ["a", "b", "c"]):
        answer = daemon.ask_as("olga", "say", *words)
        assert code_of(answer) is Code.UNKNOWN_VERB
        assert isinstance(answer, Error)
        assert answer.message == "write: say WORD [MORE]"


def test_an_unknown_verb_is_told_with_those_there_are(daemon: Daemon) -> None:
    answer = daemon.ask_as("olga", "dance")
    assert isinstance(answer, Error)
    assert answer.code == Code.UNKNOWN_VERB
    assert "break, help, refuse, say, stop, wait" in answer.message


@pytest.mark.parametrize("name", ["ann", "bench", "node-1"])
def test_nobody_but_operators_may_ask(daemon: Daemon, name: str) -> None:
    assert code_of(daemon.ask_as(name, "say", "a")) is Code.NOT_PERMITTED
    assert daemon.asked == [(name, "say", ["a"], True)]


def test_what_is_for_administrators_is_refused_to_operators(daemon: Daemon) -> None:
    assert code_of(daemon.ask_as("olga", "stop")) is Code.NOT_PERMITTED
    assert said(daemon.ask_as("root", "stop")) == "stopped"


def test_the_name_of_whom_a_console_asks_for_is_written_down(daemon: Daemon) -> None:
    daemon.ask_as("olga", "say", "a", operator="otto")
    daemon.ask_as("olga", "say", "b")
    assert daemon.asked == [("otto", "say", ["a"], False), ("olga", "say", ["b"], False)]


def test_a_refusal_keeps_its_code_and_a_fault_tells_nothing(daemon: Daemon) -> None:
    assert code_of(daemon.ask_as("olga", "refuse")) is Code.BAD_USER
    answer = daemon.ask_as("olga", "break")
    assert isinstance(answer, Error)
    assert answer.code == Code.INTERNAL
    assert "ZeroDivision" not in answer.message


def test_everything_else_goes_to_the_service(daemon: Daemon) -> None:
    caller = daemon.logged_in()
    daemon.ask(caller, 1)
    assert daemon.service.ids == [request_id(1)]
    daemon.service.answer()
    daemon.turn()
    assert isinstance(caller.last[1], Receipt)
    caller.transport.loseConnection()
    daemon.turn()
    assert len(daemon.service.lost) == 1
    daemon.service.state = Health(False, "tired")
    assert daemon.factory.service.health() == Health(False, "tired")


def test_help_lists_every_verb_with_its_words_and_role(daemon: Daemon) -> None:
    verbs = said(daemon.ask_as("olga", "help"))
    assert isinstance(verbs, list)
    assert ["say", "WORD [MORE]", "operator", "says it"] in verbs
    assert ["stop", "", "administrator", "stops"] in verbs


def test_a_daemon_for_operators_alone_refuses_the_rest() -> None:
    server = ServerInMemory()
    server.factory.service = OperatedService(NoTrade(lambda: Health(True, "")))
    caller = server.logged_in()
    caller.say(add(), request_id(1))
    server.turn()
    assert code_of(caller.last[1]) is Code.UNKNOWN_KIND
    assert isinstance(server.service, ServiceDouble)
    assert server.service.requests == []
