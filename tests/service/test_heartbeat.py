"""A peer that falls silent is asked whether it is there, and let go if it is not."""

import pytest

from protocol.fields import NO_ID
from protocol.messages import Message, Ping, Pong
from service.limits import PortLimits
from service.wire import SILENT_BEATS_MAX
from tests.service.links import outcome_of
from tests.service.premises import Caller, ServerInMemory, add, request_id

BEAT_S = 4.0
"""Of the server; shorter than the time for the log-in."""


@pytest.fixture
def server() -> ServerInMemory:
    return ServerInMemory(limits=PortLimits(heartbeat_s=BEAT_S))


def said(caller: Caller) -> list[Message]:
    """What a client heard, without ids."""
    return [message for _, message in caller.heard]


def test_a_client_that_is_heard_from_is_not_asked(server: ServerInMemory) -> None:
    caller = server.logged_in()
    for _ in range(20):
        server.clock.pass_time(BEAT_S / 2)
        caller.say(add(), request_id(1))
    assert said(caller) == []
    assert not caller.is_lost


def test_a_silent_client_is_asked_and_then_let_go(server: ServerInMemory) -> None:
    caller = server.logged_in()
    server.clock.pass_time(2 * BEAT_S)
    assert said(caller) == [Ping()]
    server.clock.pass_time((SILENT_BEATS_MAX - 1) * BEAT_S - 1)
    assert not caller.is_lost
    server.clock.pass_time(1)
    assert caller.is_lost
    assert server.clock.getDelayedCalls() == []


def test_a_silent_client_that_answers_stays(server: ServerInMemory) -> None:
    caller = server.logged_in()
    for _ in range(10):
        server.clock.pass_time(2 * BEAT_S)
        assert said(caller)[-1] == Ping()
        caller.say(Pong())
    assert len(caller.heard) == 10
    assert not caller.is_lost


def test_a_ping_is_answered_under_its_id_and_is_no_request(server: ServerInMemory) -> None:
    caller = server.logged_in()
    caller.say(Ping(), request_id(7))
    server.turn()
    assert caller.heard == [(request_id(7), Pong())]
    assert server.service.requests == []


def test_nobody_is_pinged_before_the_welcome(server: ServerInMemory) -> None:
    """The state would not allow it; who says no hello is let go for that."""
    caller = server.caller()
    server.clock.pass_time(2 * BEAT_S)
    assert caller.heard == []
    server.clock.pass_time(BEAT_S)
    assert caller.is_lost


def test_a_client_keeps_an_idle_connection_alive(server: ServerInMemory) -> None:
    client = server.client()
    server.clock.pass_time(50 * BEAT_S)
    assert not client.is_lost


def test_a_client_gives_a_silent_server_up() -> None:
    server = ServerInMemory()
    client = server.client()
    waiting = outcome_of(client.request(add()))
    server.endpoint.clients[0].pauseProducing()
    server.clock.pass_time(60)
    assert client.is_lost
    assert [type(each).__name__ for each in waiting] == ["ConnectionEnded"]


def test_pings_answer_nothing(server: ServerInMemory) -> None:
    caller = server.logged_in()
    server.clock.pass_time(2 * BEAT_S)
    assert caller.last == (NO_ID, Ping())
