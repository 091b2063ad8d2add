"""The client's end: what it asks, what it is answered, and what it learns when the end comes."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from protocol.errors import Code, TradeError
from protocol.fields import NO_ID
from protocol.messages import Chunk, Error, Message, Receipt, Refused
from service.client import ClientProtocol, ConnectionEnded
from tests.service.links import outcome_of
from tests.service.premises import (
    RECEIPT,
    ServerInMemory,
    add,
    request_id,
)


def code_of(outcome: list[object]) -> Code:
    """The code of the error that ended the waiting."""
    (error,) = outcome
    assert isinstance(error, TradeError)
    return error.code


class TestAsking:
    def test_each_answer_finds_its_question(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        first, second = outcome_of(client.request(add(1))), outcome_of(client.request(add(2)))
        server.turn()
        server.service.answer(1, Receipt(2, 20))
        server.turn()
        assert (first, second) == ([], [Receipt(2, 20)])
        server.service.answer(0, Receipt(1, 10))
        server.turn()
        assert first == [Receipt(1, 10)]
        assert client.waiting == 0

    def test_the_id_may_be_the_callers_own(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        client.request(add(), request_id(42))
        server.turn()
        assert server.service.ids == [request_id(42)]

    def test_an_error_is_raised_with_its_code(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        outcome = outcome_of(client.request(add()))
        server.turn()
        server.service.answer(0, Error(Code.STORE_UNAVAILABLE, "down"))
        server.turn()
        assert code_of(outcome) == Code.STORE_UNAVAILABLE

    def test_a_code_of_a_newer_server_counts_as_internal(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        outcome = outcome_of(client.request(add()))
        server.turn()
        server.service.answer(0, Error(4711, "new"))
        server.turn()
        assert code_of(outcome) == Code.INTERNAL

    def test_a_refusal_is_an_answer_like_any_other(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        refused = Refused(Code.UNKNOWN_USER, "nobody", 1, 5)
        outcome = outcome_of(client.request(add()))
        server.turn()
        server.service.answer(0, refused)
        server.turn()
        assert outcome == [refused]

    def test_ask_calls_back_with_whatever_was_answered(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        answers: list[Message] = []
        client.ask(request_id(1), add(), answers.append)
        server.turn()
        error = Error(Code.INTERNAL, "oops")
        server.service.answer(0, error)
        server.turn()
        assert answers == [error]
        assert client.waiting == 0


class TestStreams:
    def start(self, server: ServerInMemory, client: ClientProtocol) -> tuple[Any, list[bytes]]:
        chunks: list[bytes] = []
        waiter: Deferred[Message] = client.request(add(), request_id(1), chunks.append)
        server.turn()
        return waiter, chunks

    def push(self, server: ServerInMemory, data: bytes) -> None:
        server.service.requests[0][0].push(request_id(1), Chunk(data))
        server.turn()

    def test_parts_come_in_order_and_before_the_answer(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        waiter, chunks = self.start(server, client)
        outcome = outcome_of(waiter)
        self.push(server, b"one")
        self.push(server, b"two")
        assert (chunks, outcome) == ([b"one", b"two"], [])
        server.service.answer()
        server.turn()
        assert outcome == [RECEIPT]

    def test_parts_that_come_after_giving_up_are_passed_over(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        waiter, chunks = self.start(server, client)
        outcome = outcome_of(waiter)
        waiter.cancel()
        self.push(server, b"late")
        server.service.answer()
        server.turn()
        assert [type(each) for each in outcome] == [CancelledError]
        assert chunks == []
        assert client.waiting == 0

    def test_parts_of_a_request_that_wants_none_are_passed_over(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        outcome = outcome_of(client.request(add(), request_id(1)))
        server.turn()
        self.push(server, b"unasked")
        server.service.answer()
        server.turn()
        assert outcome == [RECEIPT]


class TestNews:
    def test_what_comes_under_an_id_after_its_answer_is_passed_on_to_whoever_follows_it(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        news: list[Message] = []
        outcome = outcome_of(client.request(add(), request_id(1)))
        client.follow(request_id(1), news.append)
        server.turn()
        server.service.answer()
        server.turn()
        assert (outcome, news) == ([RECEIPT], [])
        link = server.service.requests[0][0]
        for seq in (2, 3):
            link.push(request_id(1), Receipt(seq, 5))
        link.push(request_id(2), Receipt(4, 5))
        server.turn()
        assert news == [Receipt(2, 5), Receipt(3, 5)]


class TestTheEnd:
    def test_everybody_who_waits_is_told_and_nobody_else(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        ends: list[str] = []
        client.on_end = lambda: ends.append("end")
        answered = outcome_of(client.request(add(1)))
        server.turn()
        server.service.answer()
        server.turn()
        waiting = [outcome_of(client.request(add(n))) for n in (2, 3)]
        server.turn()
        client.abort()
        server.turn()
        assert [[type(each) for each in outcome] for outcome in waiting] == [[ConnectionEnded]] * 2
        assert answered == [RECEIPT]
        assert ends == ["end"]
        assert client.waiting == 0

    def test_who_asks_after_it_is_told_at_once(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        client.abort()
        server.turn()
        assert [type(each) for each in outcome_of(client.request(add()))] == [ConnectionEnded]
        assert client.waiting == 0

    def test_a_waiter_that_asks_again_when_told_does_no_harm(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        again: list[list[object]] = []
        waiter = client.request(add())
        waiter.addErrback(lambda _: again.append(outcome_of(client.request(add()))))
        server.turn()
        client.abort()
        server.turn()
        assert [[type(each) for each in outcome] for outcome in again] == [[ConnectionEnded]]

    def test_giving_up_one_request_leaves_the_others(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        given_up, kept = client.request(add(1)), client.request(add(2))
        outcomes = outcome_of(given_up), outcome_of(kept)
        server.turn()
        given_up.cancel()
        server.service.answer(0)
        server.service.answer(1)
        server.turn()
        assert [type(each) for each in outcomes[0]] == [CancelledError]
        assert outcomes[1] == [RECEIPT]

    def test_a_farewell_ends_the_connection(
        self, server: ServerInMemory, client: ClientProtocol
    ) -> None:
        waiting = outcome_of(client.request(add()))
        (link,) = server.factory.protocols
        link.send(Error(Code.INTERNAL, "good bye"), NO_ID)
        server.turn()
        assert client.is_lost
        assert [type(each) for each in waiting] == [ConnectionEnded]


def test_a_drain_is_noticed_and_what_was_asked_is_still_answered(
    server: ServerInMemory, client: ClientProtocol
) -> None:
    told: list[bool] = []
    client.on_drain = lambda: told.append(client.is_draining)
    waiting = outcome_of(client.request(add()))
    server.turn()
    assert not client.is_draining
    server.factory.drain()
    server.turn()
    assert told == [True]
    late = outcome_of(client.request(add()))
    server.service.answer()
    server.turn()
    assert waiting == [RECEIPT]
    assert code_of(late) == Code.DRAINING
