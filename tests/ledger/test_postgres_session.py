"""One connection to Postgres as `session` keeps it: deadlines, and what is thrown away when.

The server is played by hand here; `postgres_faults` breaks real connections.
"""

import socket
from typing import Any

import psycopg2
import pytest
from psycopg2.errors import CheckViolation
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ledger.postgres.session import QUESTION_S_MAX, Rows, Session, _Connection, widen
from ledger.store import OutcomeUnknown, StoreUnavailable


class Psycopg2Connection:
    """The part of psycopg2's connection that a session looks at."""

    closed = 0


class ScriptedConnection:
    """A txpostgres connection whose answers the test gives."""

    def __init__(self) -> None:
        self.answers: list[Deferred[Rows]] = []
        self.closings = 0
        self.server_side = Psycopg2Connection()

    def runQuery(self, sql: str, parameters: object) -> Deferred[Rows]:
        self.answers.append(Deferred())
        return self.answers[-1]

    def pollable(self) -> Psycopg2Connection:
        return self.server_side

    def close(self) -> None:
        self.closings += 1


class Question:
    """A session with one question asked, and how it ended."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.connection = ScriptedConnection()
        self.session = Session(self.clock, self.connection)
        self.outcome = self.ask()

    def ask(self) -> list[Any]:
        """Ask once more; the list returned gets the outcome."""
        outcome: list[Any] = []
        asked = Deferred.fromCoroutine(self.session.query("SELECT 1"))
        asked.addErrback(lambda failure: failure.value).addCallback(outcome.append)
        return outcome


def test_an_answer_in_time_is_returned_and_the_connection_stays() -> None:
    question = Question()
    question.clock.advance(QUESTION_S_MAX - 0.001)
    question.connection.answers[0].callback([(1,)])
    assert question.outcome == [[(1,)]]
    assert question.clock.getDelayedCalls() == []
    assert not question.session.is_closed


def test_a_server_that_never_answers_is_given_up_at_the_deadline() -> None:
    question = Question()
    question.clock.advance(QUESTION_S_MAX)
    assert isinstance(question.outcome[0], OutcomeUnknown)
    assert question.session.is_closed
    assert question.connection.closings == 1


def test_an_answer_after_the_deadline_is_dropped() -> None:
    question = Question()
    question.clock.advance(QUESTION_S_MAX)
    question.connection.answers[0].callback([(1,)])
    assert len(question.outcome) == 1


@pytest.mark.parametrize(
    "error",
    [
        psycopg2.OperationalError("server closed the connection unexpectedly"),
        psycopg2.InterfaceError("connection already closed"),
        ConnectionError("Connection was closed cleanly."),
    ],
)
def test_any_trouble_with_the_connection_leaves_the_outcome_unknown(error: Exception) -> None:
    question = Question()
    question.connection.answers[0].errback(Failure(error))
    assert isinstance(question.outcome[0], OutcomeUnknown)
    assert str(question.outcome[0]) == str(error)
    assert question.session.is_closed
    assert question.connection.closings == 1


def test_a_plain_sql_error_is_told_as_it_is_and_the_connection_stays() -> None:
    question = Question()
    error = CheckViolation("below zero")
    question.connection.answers[0].errback(Failure(error))
    assert question.outcome == [error]
    assert not question.session.is_closed


def test_a_widened_socket_takes_a_large_batch_at_once() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        batch = bytes(300 * 1024)
        widen(near.fileno())
        assert near.send(batch) == len(batch)


def test_a_connection_thrown_away_is_asked_nothing_more() -> None:
    question = Question()
    question.session.close()
    assert isinstance(question.ask()[0], OutcomeUnknown)
    assert len(question.connection.answers) == 1


def test_a_connection_that_the_server_ended_counts_as_closed_and_can_still_be_closed() -> None:
    question = Question()
    question.connection.server_side.closed = 2
    assert question.session.is_closed
    question.session.close()
    question.session.close()
    assert question.connection.closings == 1


class ForgetfulReactor(Clock):
    """A reactor that has lost sight of a socket, as when libpq closed it by itself."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.errors = [error]

    def removeReader(self, _reader: object) -> None:
        if self.errors:
            raise self.errors.pop()

    removeWriter = removeReader

    def addWriter(self, writer: object) -> None:
        self.removeReader(writer)


@pytest.mark.parametrize(
    "error", [OSError(9, "Bad file descriptor"), ValueError("fd cannot be negative"), KeyError(7)]
)
def test_a_connection_whose_socket_is_gone_already_can_be_closed(error: Exception) -> None:
    class ClosableConnection(Psycopg2Connection):
        def close(self) -> None:
            self.closed = 1

    connection = _Connection(reactor=ForgetfulReactor(error))
    server_side = connection._connection = ClosableConnection()
    Session(Clock(), connection).close()
    assert server_side.closed == 1


class ConnectingConnection(Psycopg2Connection):
    """psycopg2's connection while it waits for the server."""

    def poll(self) -> int:
        return int(psycopg2.extensions.POLL_WRITE)

    def close(self) -> None:
        self.closed = 1


def test_a_new_socket_that_the_reactor_takes_for_an_old_one_is_a_store_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server_side = ConnectingConnection()
    monkeypatch.setattr(_Connection, "connectionFactory", lambda *_, **__: server_side)
    reactor = ForgetfulReactor(FileNotFoundError(2, "No such file"))
    opening = Deferred.fromCoroutine(Session.open(reactor, "dbname=daytrade"))
    refused: list[Failure] = []
    opening.addErrback(refused.append)
    [failure] = refused
    assert failure.check(StoreUnavailable)
    assert server_side.closed == 1
