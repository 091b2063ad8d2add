"""What a logged-in client asks is passed on, answered under its id, and ended in order."""

import pytest

from protocol.codec import encode_body
from protocol.errors import Code
from protocol.fields import NO_ID
from protocol.framing import encode_frame
from protocol.messages import Add, Chunk, Drain, Error, LoggedIn, Receipt
from service.server import FRAME_READ_BYTES_MAX, READ_BYTES_MAX
from service.wire import BUFFERED_BYTES_MAX
from tests.service.premises import RECEIPT, Caller, ServerInMemory, add, request_id


class TestReading:
    def test_the_rest_of_a_long_frame_is_read_at_once_and_what_follows_in_small_parts(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        socket = caller.transport.peer
        frame = encode_frame(Add.KIND, request_id(1), bytes(200_000))
        rest = len(frame) - READ_BYTES_MAX
        sizes = []
        for sent in (READ_BYTES_MAX, rest - 20_000, 19_000, 1_000):
            socket.protocol.dataReceived(frame[:sent])
            frame = frame[sent:]
            sizes.append(socket.bufferSize)
        assert sizes == [FRAME_READ_BYTES_MAX, 20_000, READ_BYTES_MAX, READ_BYTES_MAX]


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
        server.ask(caller, 1, 2)
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
        server.ask(caller, *range(50))
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
        server.ask(caller, 1)
        link = server.service.requests[0][0]
        link.push(request_id(1), Chunk(bytes(BUFFERED_BYTES_MAX)))
        link.push(request_id(1), Chunk(b"more"))
        assert len(caller.transport.peer.writes[-1]) > BUFFERED_BYTES_MAX
        server.turn()
        assert [message for _, message in caller.heard][-1] == Chunk(b"more")

    def test_an_answer_to_a_client_that_has_left_is_dropped(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        server.ask(caller, 1)
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
        server.ask(caller, 2)
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


class TestDraining:
    def test_clients_are_told_the_last_request_that_was_taken(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        server.ask(caller, 1, 2)
        server.factory.drain()
        server.turn()
        assert caller.heard == [(NO_ID, Drain(request_id(2)))]

    def test_later_requests_are_refused_and_the_taken_ones_answered(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        server.ask(caller, 1)
        server.factory.drain()
        server.ask(caller, 2)
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
        server.ask(caller, 1)
        told = [message for _, message in caller.heard]
        assert isinstance(told[-3], LoggedIn)
        assert told[-2] == Drain(NO_ID)
        assert server.service.requests == []

    def test_closing_ends_every_connection_after_what_was_said(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        other = server.greeted()
        server.ask(caller, 1)
        server.service.answer(0)
        socket = caller.transport.peer
        socket.writes.clear()
        server.factory.close_all()
        assert len(socket.writes) == 1
        server.turn()
        assert caller.heard == [(request_id(1), RECEIPT)]
        assert caller.is_lost
        assert other.is_lost
        assert server.clock.getDelayedCalls() == []
