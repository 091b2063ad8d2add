"""What a logged-in client may ask, how much at a time, and how it is answered and let go."""

import pytest

from protocol.codec import encode_body
from protocol.errors import Code
from protocol.fields import NO_ID
from protocol.framing import encode_frame
from protocol.messages import Add, Chunk, Drain, Error, HealthRequest, LoggedIn, Receipt
from service.wire import BUFFERED_BYTES_MAX, CONGESTED_S_MAX
from tests.service.premises import RECEIPT, Caller, ServerInMemory, add, request_id

WINDOW = 8
"""A window small enough to be filled by a test."""

LARGE = Chunk(bytes(40_000))
"""Two of them, unread, are more than a socket holds."""


@pytest.fixture
def server() -> ServerInMemory:
    return ServerInMemory()


@pytest.fixture
def caller(server: ServerInMemory) -> Caller:
    return server.logged_in()


def ask(server: ServerInMemory, caller: Caller, *numbers: int) -> None:
    """Send requests with these ids."""
    for number in numbers:
        caller.say(add(), request_id(number))
    server.turn()


class TestAnswers:
    def test_requests_come_to_the_service_in_the_order_sent(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        caller.transport.write(
            b"".join(
                encode_frame(Add.KIND, request_id(n), encode_body(Add("ann", n, 5)))
                for n in range(1, 101)
            )
        )
        server.turn()
        assert server.service.ids == [request_id(n) for n in range(1, 101)]

    def test_a_reply_carries_the_id_of_its_request_whatever_the_order(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        ask(server, caller, 1, 2)
        server.service.answer(1, Receipt(2, 20))
        server.service.answer(0, Receipt(1, 10))
        server.turn()
        assert caller.heard == [
            (request_id(2), Receipt(2, 20)),
            (request_id(1), Receipt(1, 10)),
        ]

    def test_all_replies_of_one_turn_leave_in_one_write(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        ask(server, caller, *range(50))
        socket = caller.transport.peer
        socket.writes.clear()
        for number in range(50):
            server.service.answer(number)
        assert socket.writes == []
        server.turn()
        assert len(socket.writes) == 1
        assert len(caller.heard) == 50
        server.clock.advance(1)
        assert len(socket.writes) == 1

    def test_a_long_answer_is_handed_on_before_the_turn_ends(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        """Otherwise a dump would pile up in memory before the socket could say that it is full."""
        ask(server, caller, 1)
        link = server.service.requests[0][0]
        link.push(request_id(1), Chunk(bytes(BUFFERED_BYTES_MAX)))
        link.push(request_id(1), Chunk(b"more"))
        assert len(caller.transport.peer.writes[-1]) > BUFFERED_BYTES_MAX
        server.turn()
        assert [message for _, message in caller.heard][-1] == Chunk(b"more")

    def test_an_answer_to_a_client_that_has_left_is_dropped(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        ask(server, caller, 1)
        caller.transport.abortConnection()
        server.turn()
        (lost,) = server.service.lost
        assert lost is server.service.requests[0][0]
        assert lost.is_lost
        server.service.answer(0)
        server.turn()
        assert server.factory.protocols == set()
        assert server.clock.getDelayedCalls() == []


class TestWhatCannotBeRead:
    @pytest.mark.parametrize(
        ("kind", "body", "code"),
        [
            (0xEE, b"\x90", Code.UNKNOWN_KIND),
            (Add.KIND, b"\xc1", Code.BAD_BODY),
            (Receipt.KIND, encode_body(RECEIPT), Code.UNEXPECTED_MESSAGE),
        ],
        ids=["unknown kind", "bad body", "not a request"],
    )
    def test_it_is_answered_by_its_id_and_the_connection_goes_on(
        self, server: ServerInMemory, caller: Caller, kind: int, body: bytes, code: Code
    ) -> None:
        caller.transport.write(encode_frame(kind, request_id(1), body))
        ask(server, caller, 2)
        ((answered_id, error),) = caller.heard
        assert isinstance(error, Error)
        assert (answered_id, error.code) == (request_id(1), code)
        assert server.service.ids == [request_id(2)]
        assert server.factory.outstanding == 1

    def test_a_length_that_no_frame_has_ends_the_connection_after_saying_why(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        caller.transport.write(encode_frame(Add.KIND, request_id(1), encode_body(add())))
        caller.transport.write(b"\xff\xff\xff\xff")
        server.turn()
        assert server.service.ids == [request_id(1)]
        answered_id, error = caller.last
        assert isinstance(error, Error)
        assert (answered_id, error.code) == (NO_ID, Code.FRAME_TOO_LONG)
        assert caller.is_lost


class TestTheWindow:
    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("service.server.OUTSTANDING_MAX", WINDOW)

    def test_a_full_window_stops_the_reading_until_half_is_answered(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        socket = caller.transport.peer
        ask(server, caller, *range(WINDOW - 1))
        assert socket.is_reading
        ask(server, caller, WINDOW - 1)
        assert not socket.is_reading
        ask(server, caller, WINDOW)
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
        ask(server, caller, *range(WINDOW))
        assert not caller.transport.peer.is_reading
        assert other.transport.peer.is_reading
        ask(server, other, 1)
        assert server.factory.outstanding == WINDOW + 1

    def test_a_part_of_an_answer_does_not_open_it(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        ask(server, caller, *range(WINDOW))
        link = server.service.requests[0][0]
        for number in range(WINDOW):
            link.push(request_id(number), Chunk(b"part"))
        server.turn()
        assert not caller.transport.peer.is_reading

    def test_a_window_that_empties_for_a_client_that_does_not_read_stays_shut(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        ask(server, caller, *range(WINDOW))
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
        ask(server, caller, 1)
        caller.transport.pauseProducing()
        link = server.service.requests[0][0]
        for _ in range(4):
            link.push(request_id(1), LARGE)
            server.turn()
        assert link.is_congested

    def test_it_is_not_read_from_either(self, server: ServerInMemory, caller: Caller) -> None:
        self.congest(server, caller)
        ask(server, caller, 2)
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
            ask(server, caller, 2)
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


class TestDraining:
    def test_clients_are_told_the_last_request_that_was_taken(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        ask(server, caller, 1, 2)
        server.factory.drain()
        server.turn()
        assert caller.heard == [(NO_ID, Drain(request_id(2)))]

    def test_later_requests_are_refused_and_the_taken_ones_answered(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        ask(server, caller, 1)
        server.factory.drain()
        ask(server, caller, 2)
        server.service.answer(0)
        server.turn()
        assert server.service.ids == [request_id(1)]
        refused_id, error = caller.heard[1]
        assert isinstance(error, Error)
        assert (refused_id, error.code) == (request_id(2), Code.DRAINING)
        assert caller.heard[2] == (request_id(1), RECEIPT)
        assert server.factory.outstanding == 0

    def test_whoever_was_just_logging_in_is_told_too(self, server: ServerInMemory) -> None:
        caller = server.greeted()
        server.factory.drain()
        server.log_in(caller, "bench")
        ask(server, caller, 1)
        told = [message for _, message in caller.heard]
        assert isinstance(told[-3], LoggedIn)
        assert told[-2] == Drain(NO_ID)
        assert server.service.requests == []

    def test_closing_ends_every_connection_after_what_was_said(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        other = server.greeted()
        ask(server, caller, 1)
        server.service.answer(0)
        server.factory.close_all()
        server.turn()
        assert caller.heard == [(request_id(1), RECEIPT)]
        assert caller.is_lost
        assert other.is_lost
        assert server.clock.getDelayedCalls() == []
