"""A service that must have its server: it comes back after each loss, patiently."""

from itertools import pairwise

from service.client import ClientProtocol
from service.credentials import Credential
from service.reconnecting import StayingConnected
from tests.service.links import outcome_of
from tests.service.premises import ServerInMemory, add, credential

PAUSE_S_MAX = 4.0


class Connected:
    """What the service made of a server."""

    def __init__(self, server: ServerInMemory, known: Credential) -> None:
        self.clients: list[ClientProtocol] = []
        self.failures: list[Exception] = []
        self.service = StayingConnected(
            server.endpoint,
            server.clock,
            "test",
            known,
            self.clients.append,
            lambda: 0.25,
            self.failures.append,
        )
        self.service.startService()
        server.turn()


def pauses(server: ServerInMemory) -> list[float]:
    """The times between the attempts to connect."""
    return [later - earlier for earlier, later in pairwise(server.endpoint.attempts)]


def test_the_user_gets_a_client_that_is_logged_in(server: ServerInMemory) -> None:
    (client,) = Connected(server, credential("bench")).clients
    client.request(add())
    server.turn()
    assert server.service.requests[0][0].name == "bench"


def test_after_each_loss_there_is_another_client_soon(server: ServerInMemory) -> None:
    connected = Connected(server, credential("bench"))
    for losses in range(1, 6):
        connected.clients[-1].abort()
        server.clock.pass_time(1)
        assert len(connected.clients) == losses + 1
        assert not connected.clients[-1].is_lost


def test_a_server_that_is_down_is_tried_less_and_less_often(server: ServerInMemory) -> None:
    server.endpoint.is_down = True
    connected = Connected(server, credential("bench"))
    server.clock.pass_time(60)
    spaces = pauses(server)
    assert spaces == sorted(spaces)
    assert spaces[0] < 1
    assert 3 < spaces[-1] <= PAUSE_S_MAX
    server.endpoint.is_down = False
    server.clock.pass_time(PAUSE_S_MAX)
    assert len(connected.clients) == 1
    connected.clients[0].abort()
    server.clock.pass_time(1)
    assert len(connected.clients) == 2


def test_a_log_in_that_is_refused_is_tried_less_and_less_often_too(
    server: ServerInMemory,
) -> None:
    connected = Connected(server, credential("bench", "wrong"))
    server.clock.pass_time(60)
    assert connected.clients == []
    assert {str(failure).split(":")[0] for failure in connected.failures} == {"6001 LOGIN_FAILED"}
    assert 10 < len(server.endpoint.attempts) < 40
    assert pauses(server)[-1] > 3
    assert len(server.factory.protocols) <= 1


def test_stopping_ends_the_connection_and_the_attempts(server: ServerInMemory) -> None:
    connected = Connected(server, credential("bench"))
    stopped = outcome_of(connected.service.stopService())
    server.turn()
    assert stopped == [None]
    assert connected.clients[0].is_lost
    server.clock.pass_time(10)
    assert len(server.endpoint.attempts) == 1
    assert server.clock.getDelayedCalls() == []


def test_stopping_while_the_server_is_down_ends_the_attempts(server: ServerInMemory) -> None:
    server.endpoint.is_down = True
    connected = Connected(server, credential("bench"))
    server.clock.pass_time(5)
    tried = len(server.endpoint.attempts)
    assert outcome_of(connected.service.stopService()) == [None]
    server.clock.pass_time(10)
    assert len(server.endpoint.attempts) == tried
