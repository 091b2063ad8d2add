"""How much a client may have outstanding, and how long it may leave its answers unread."""

import pytest

from protocol.messages import Chunk, HealthRequest
from service.limits import CONGESTED_S_MAX, PortLimits
from tests.service.premises import Caller, ServerInMemory, request_id

WINDOW = 8
"""A window small enough to be filled by a test."""

LARGE = Chunk(bytes(40_000))
"""Two of them, unread, are more than a socket holds."""


class TestTheWindow:
    @pytest.fixture
    def server(self) -> ServerInMemory:
        return ServerInMemory(limits=PortLimits(outstanding_max=WINDOW))

    def test_a_full_window_stops_the_reading_until_half_is_answered(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        socket = caller.transport.peer
        server.ask(caller, *range(WINDOW - 1))
        assert socket.is_reading
        server.ask(caller, WINDOW - 1)
        assert not socket.is_reading
        server.ask(caller, WINDOW)
        assert len(server.service.requests) == WINDOW
        for number in range(WINDOW // 2):
            server.service.answer(number)
            server.turn()
            assert not socket.is_reading
        server.service.answer(WINDOW // 2)
        server.turn()
        assert socket.is_reading
        assert len(server.service.requests) == WINDOW + 1

    def test_health_takes_no_place_in_it(self, server: ServerInMemory, caller: Caller) -> None:
        for number in range(2 * WINDOW):
            caller.say(HealthRequest(), request_id(number))
        server.turn()
        assert caller.transport.peer.is_reading
        assert len(caller.heard) == 2 * WINDOW

    def test_each_client_has_a_window_of_its_own(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        other = server.logged_in()
        server.ask(caller, *range(WINDOW))
        assert not caller.transport.peer.is_reading
        assert other.transport.peer.is_reading
        server.ask(other, 1)
        assert server.factory.outstanding == WINDOW + 1

    def test_a_part_of_an_answer_does_not_open_it(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        server.ask(caller, *range(WINDOW))
        link = server.service.requests[0][0]
        for number in range(WINDOW):
            link.push(request_id(number), Chunk(b"part"))
        server.turn()
        assert not caller.transport.peer.is_reading

    def test_a_window_that_empties_for_a_client_that_does_not_read_stays_shut(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        server.ask(caller, *range(WINDOW))
        caller.transport.pauseProducing()
        for number in range(WINDOW):
            server.service.answer(number, LARGE)
        server.turn()
        assert not caller.transport.peer.is_reading
        caller.transport.resumeProducing()
        server.turn()
        assert caller.transport.peer.is_reading


class TestAClientThatDoesNotRead:
    def congest(self, server: ServerInMemory, caller: Caller) -> None:
        """Let more be written than the client takes, in several turns."""
        server.ask(caller, 1)
        caller.transport.pauseProducing()
        link = server.service.requests[0][0]
        for _ in range(4):
            link.push(request_id(1), LARGE)
            server.turn()
        assert link.is_congested

    def test_it_is_not_read_from_either(self, server: ServerInMemory, caller: Caller) -> None:
        self.congest(server, caller)
        server.ask(caller, 2)
        assert server.service.ids == [request_id(1)]
        caller.transport.resumeProducing()
        server.turn()
        assert server.service.ids == [request_id(1), request_id(2)]

    def test_the_service_is_told_of_each_change_once(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        self.congest(server, caller)
        caller.transport.resumeProducing()
        server.turn()
        assert server.service.congestion == [True, False]

    def test_it_is_let_go_after_a_while(self, server: ServerInMemory, caller: Caller) -> None:
        self.congest(server, caller)
        server.clock.pass_time(CONGESTED_S_MAX - 1)
        assert not caller.is_lost
        server.clock.pass_time(1)
        assert caller.is_lost
        assert len(server.service.lost) == 1

    def test_once_it_has_read_it_stays_for_good(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        """A socket says that it is full at every write, and that it is not only once."""
        self.congest(server, caller)
        server.clock.pass_time(CONGESTED_S_MAX - 1)
        caller.transport.resumeProducing()
        for _ in range(int(CONGESTED_S_MAX)):
            server.ask(caller, 2)
            server.clock.pass_time(1)
        assert not caller.is_lost

    def test_a_connection_that_is_closed_meanwhile_ends_once_all_is_read(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        self.congest(server, caller)
        server.factory.close_all()
        server.turn()
        assert not caller.is_lost
        caller.transport.resumeProducing()
        server.turn()
        assert len(caller.heard) == 4
        assert caller.is_lost

    def test_a_connection_that_is_closed_meanwhile_is_not_waited_for_for_ever(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        self.congest(server, caller)
        server.factory.close_all()
        server.clock.pass_time(CONGESTED_S_MAX)
        assert caller.is_lost
        assert server.clock.getDelayedCalls() == []
