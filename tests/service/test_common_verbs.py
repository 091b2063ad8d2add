"""What can be asked of every daemon: figures, sessions, drain, log levels, settings, its end."""

from typing import Any

import msgspec
import pytest
from twisted.logger import LogLevel

from protocol.errors import Code
from protocol.messages import Add, Drain, Error, Health, Message, Operate, Report
from protocol.states import State
from service.common_verbs import HIDDEN, CommonVerbs
from service.figures import Figure
from service.json_log import LEVELS
from service.operations import OperatedService
from tests.service.premises import Caller, ServerInMemory, request_id

OPTIONS = {
    "name": "node-1",
    "database": "host=db user=trade password=hunter2 dbname=ledger",
    "api_key": "hunter2",
    "credential": "/etc/daytrade/node.json",
    "lanes": 2,
    "announce": None,
}


class Daemon(ServerInMemory):
    """A server with the verbs of every daemon."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = 0
        operated = OperatedService(self.service)
        figures = [Figure("counter", "hits", "Hits.", lambda: 3)]
        verbs = CommonVerbs(
            self.clock, "node-1", self.factory, figures, self.service.health, OPTIONS, self._stop
        )
        operated.offer(verbs.verbs())
        self.factory.service = operated
        self.operator = self.logged_in("root")

    def _stop(self) -> None:
        self.stopped += 1

    def message(self, line: str, caller: Caller | None = None) -> Message:
        """The answer to a line."""
        caller = caller or self.operator
        verb, *words = line.split()
        caller.say(Operate(verb, words, ""), request_id(1))
        self.turn()
        return caller.last[1]

    def said(self, line: str, caller: Caller | None = None) -> Any:
        """What was answered to a line."""
        answer = self.message(line, caller)
        assert isinstance(answer, Report), answer
        return msgspec.json.decode(answer.document)


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


def test_status_tells_figures_and_health(daemon: Daemon) -> None:
    daemon.clock.advance(5)
    daemon.service.state = Health(False, "no ledger")
    status = daemon.said("status")
    assert (status["name"], status["up_s"]) == ("node-1", 5.0)
    assert (status["ready"], status["reason"]) == (False, "no ledger")
    assert status["figures"] == {"hits": {"": 3}}


def test_sessions_are_told_with_who_they_are_and_what_waits(daemon: Daemon) -> None:
    bench = daemon.logged_in("bench")
    daemon.ask(bench, 1, 2)
    daemon.greeted()
    sessions = daemon.said("sessions")
    assert [(s["session"], s["name"], s["role"], s["outstanding"]) for s in sessions] == [
        (1, "root", "administrator", 1),
        (2, "bench", "workload", 2),
        (3, "", "", 0),
    ]


def test_a_session_that_is_kicked_is_gone_and_the_others_are_not(daemon: Daemon) -> None:
    bench, other = daemon.logged_in("bench"), daemon.logged_in("bench")
    assert daemon.said("kick 2") == {"kicked": 2, "name": "bench"}
    assert bench.is_lost
    assert not other.is_lost
    assert daemon.factory.counters.dropped == {"kicked": 1}


@pytest.mark.parametrize("number", ["7", "-1", "two"])
def test_a_session_that_is_none_is_told(daemon: Daemon, number: str) -> None:
    answer = daemon.message(f"kick {number}")
    assert isinstance(answer, Error)
    assert answer.code == Code.UNKNOWN_VERB


def test_a_drained_daemon_takes_operators_questions_and_nothing_else_until_it_resumes(
    daemon: Daemon,
) -> None:
    bench = daemon.logged_in("bench")
    assert daemon.said("drain") == {"draining": True, "outstanding": 1}
    assert isinstance(bench.last[1], Drain)
    bench.say(Add("ann", 1, 1), request_id(5))
    daemon.turn()
    answer = bench.last[1]
    assert isinstance(answer, Error)
    assert answer.code == Code.DRAINING
    late = daemon.logged_in("root")
    assert daemon.said("status", late)["name"] == "node-1"
    assert daemon.said("resume", late) == {"draining": False}
    daemon.turn()
    assert bench.is_lost
    assert not late.is_lost
    assert {each.state for each in daemon.factory.protocols} == {State.DRAINING}
    daemon.ask(daemon.logged_in("bench"), 9)
    assert daemon.service.ids == [request_id(9)]


def test_what_is_logged_can_be_changed_by_subsystem(daemon: Daemon) -> None:
    try:
        assert daemon.said("log ledger.store debug") == {
            "subsystem": "ledger.store",
            "level": "debug",
        }
        assert LEVELS.logLevelForNamespace("ledger.store") is LogLevel.debug
        assert daemon.said("log")["level"] == "info"
        assert daemon.said("log all warn") == {"subsystem": "all", "level": "warn"}
        assert daemon.said("log service")["level"] == "warn"
    finally:
        LEVELS.clearLogLevels()


def test_a_level_that_is_none_is_told_with_those_there_are(daemon: Daemon) -> None:
    answer = daemon.message("log all loud")
    assert isinstance(answer, Error)
    assert "debug, info, warn, error, critical" in answer.message


def test_settings_are_shown_without_their_secrets(daemon: Daemon) -> None:
    config = daemon.said("config")
    assert config == {
        "name": "node-1",
        "database": f"host=db user=trade password={HIDDEN} dbname=ledger",
        "api_key": HIDDEN,
        "credential": "/etc/daytrade/node.json",
        "lanes": 2,
        "announce": None,
    }


def test_the_answer_leaves_before_the_daemon_stops(daemon: Daemon) -> None:
    assert daemon.said("shutdown") == {"stopping": "node-1"}
    assert daemon.stopped == 0
    daemon.clock.advance(1)
    assert daemon.stopped == 1


@pytest.mark.parametrize("line", ["config", "shutdown"])
def test_an_operator_may_neither_see_settings_nor_stop_the_daemon(
    daemon: Daemon, line: str
) -> None:
    answer = daemon.message(line, daemon.logged_in("olga"))
    assert isinstance(answer, Error)
    assert answer.code == Code.NOT_PERMITTED
