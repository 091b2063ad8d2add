"""The legacy server's double answers, delays, charges and misbehaves as told."""

from random import Random

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from protocol.money import Cents
from protocol.quote import Quote
from quote_proxy.delays import course_delay, fixed_delay
from quote_proxy.double import LegacyQuoteDouble
from quote_proxy.faults import Fault
from quote_proxy.legacy_client import LegacyQuoteClient
from quote_proxy.legacy_line import REQUEST_BYTES_MAX, parse_answer
from quote_proxy.prices import Prices
from quote_proxy.source import QuoteUnavailable, Refusal
from tests.quote_proxy.links import EPOCH_MS, MemoryEndpoint, outcome_of, wall_of

NO_ANSWER = {Fault.DOWN, Fault.HANG, Fault.RESET}

WHAT_THE_CLIENT_SEES = {
    Fault.DOWN: Refusal.EMPTY,
    Fault.HANG: Refusal.TIMEOUT,
    Fault.RESET: Refusal.RESET,
    Fault.SLOW: Refusal.TIMEOUT,
    Fault.TRUNCATED: Refusal.TRUNCATED,
    Fault.WRONG_SYMBOL: Refusal.SYMBOL,
    Fault.WRONG_USER: Refusal.USER,
    Fault.NEGATIVE_PRICE: Refusal.PRICE,
    Fault.ZERO_PRICE: Refusal.PRICE,
    Fault.THREE_DECIMALS: Refusal.PRICE,
    Fault.NOT_ACCEPTED: Refusal.NOT_ACCEPTED,
    Fault.SEVERAL_LINES: Refusal.SEVERAL_LINES,
    Fault.GARBAGE: Refusal.MALFORMED,
    Fault.OLD_TIMESTAMP: Refusal.CLOCK,
    Fault.FUTURE_TIMESTAMP: Refusal.CLOCK,
}


class Bench:
    """A double on a clock, asked by hand or by the real client."""

    def __init__(self, seed: int = 1) -> None:
        self.clock = Clock()
        self.double = LegacyQuoteDouble(
            self.clock, wall_ms=wall_of(self.clock), seed=seed, prices=Prices(seed)
        )
        self.client = LegacyQuoteClient(
            self.clock,
            MemoryEndpoint(self.clock, self.double),
            wall_ms=wall_of(self.clock),
            random=Random(1),
        )

    def send(self, *chunks: bytes) -> StringTransport:
        """Send the chunks over a connection of their own; return the server's end of it."""
        connection = self.double.buildProtocol(None)
        transport = StringTransport()
        connection.makeConnection(transport)
        for chunk in chunks:
            connection.dataReceived(chunk)
        return transport

    def ask(self, *chunks: bytes) -> bytes:
        """Send the chunks and return what is answered without a delay before the close."""
        transport = self.send(*chunks)
        self.clock.advance(0)
        assert transport.disconnecting
        answered: bytes = transport.value()
        return answered


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    "chunks",
    [
        [b"ABC,ann\n"],
        [b"ABC,ann\r"],
        [b"ABC,ann\r\n"],
        [b"ABC, ann\n"],
        [b"AB", b"C,an", b"n", b"\n"],
        [b"ABC,ann\r", b"\n"],
        [b"ABC,ann\nABD,bob\n"],
    ],
)
def test_the_first_line_in_any_of_its_forms_is_answered_once(
    bench: Bench, chunks: list[bytes]
) -> None:
    quote = parse_answer(bench.ask(*chunks), "ABC", "ann")
    assert quote.price_cents == Prices(1).at("ABC", EPOCH_MS)
    assert quote.quoted_ms == EPOCH_MS
    assert bench.double.hits == {"ABC": 1}


@pytest.mark.parametrize(
    "request_bytes", [b"\n", b"ABCD,ann\n", b"ABC\n", b"ABC,\n", b"x" * (REQUEST_BYTES_MAX + 1)]
)
def test_bad_input_is_answered_as_the_user_na(bench: Bench, request_bytes: bytes) -> None:
    fields = bench.ask(request_bytes).split(b",")
    assert len(fields) == 5
    assert fields[2] == b"NA"
    assert bench.double.hits == {"": 1}


def test_a_request_without_a_line_end_is_waited_for(bench: Bench) -> None:
    transport = bench.send(b"ABC,ann")
    bench.clock.advance(100.0)
    assert (transport.value(), transport.disconnecting) == (b"", False)


def test_an_answer_bears_the_time_at_which_it_is_sent(bench: Bench) -> None:
    bench.double.delay = fixed_delay(0.25)
    transport = bench.send(b"ABC,ann\n")
    bench.clock.advance(0.249)
    assert transport.value() == b""
    bench.clock.advance(0.001)
    assert parse_answer(transport.value(), "ABC", "ann").quoted_ms == EPOCH_MS + 250


def test_delays_are_drawn_anew_for_each_request_and_reproducibly() -> None:
    sent_s: list[list[float]] = []
    for bench in (Bench(seed=5), Bench(seed=5)):
        bench.double.delay = course_delay
        for _ in range(20):
            bench.send(b"ABC,ann\n")
        sent_s.append(sorted(call.getTime() for call in bench.clock.getDelayedCalls()))
    assert sent_s[0] == sent_s[1]
    assert len(set(sent_s[0])) == 20


def test_a_pinned_price_is_quoted_whatever_the_case_of_the_symbol(bench: Bench) -> None:
    bench.double.prices.pin("ABC", Cents(777))
    assert parse_answer(bench.ask(b"abc,ann\n"), "abc", "ann").price_cents == 777
    assert bench.double.hits == {"ABC": 1}


def test_cryptokeys_differ_by_answer_and_not_by_run() -> None:
    keys = [
        parse_answer(bench.ask(f"ABC,{user}\n".encode()), "ABC", user).cryptokey
        for bench, user in ((Bench(), "ann"), (Bench(), "ann"), (Bench(), "bob"), (Bench(2), "ann"))
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_an_answer_that_nobody_waits_for_any_more_is_charged(bench: Bench) -> None:
    bench.double.delay = fixed_delay(1.0)
    fetched = bench.client.fetch("ABC", "ann")
    outcome_of(fetched)
    bench.clock.pump([0.0] * 3)
    fetched.cancel()
    bench.clock.advance(1.0)
    assert bench.double.hits == {"ABC": 1}


def test_a_stopped_double_sends_and_charges_no_more_answers(bench: Bench) -> None:
    bench.double.delay = fixed_delay(1.0)
    transport = bench.send(b"ABC,ann\n")
    bench.double.stopFactory()
    bench.clock.advance(1.0)
    assert transport.value() == b""
    assert bench.double.hits == {}


def test_the_client_gets_a_quote_from_a_healthy_double(bench: Bench) -> None:
    outcome = outcome_of(bench.client.fetch("ABC", "ann"))
    bench.clock.pump([0.0] * 6)
    (quote,) = outcome
    assert isinstance(quote, Quote)
    assert (quote.symbol, quote.asker) == ("ABC", "ann")
    assert bench.double.hits == {"ABC": 1}


def test_every_fault_is_tried_on_the_client() -> None:
    assert set(WHAT_THE_CLIENT_SEES) == set(Fault) - {Fault.NONE}


@pytest.mark.parametrize(("fault", "refusal"), WHAT_THE_CLIENT_SEES.items())
def test_no_fault_gets_a_price_past_the_client(
    bench: Bench, fault: Fault, refusal: Refusal
) -> None:
    bench.double.fault = fault
    outcome = outcome_of(bench.client.fetch("ABC", "ann"))
    bench.clock.pump([0.05] * 600)
    (error,) = outcome
    assert isinstance(error, QuoteUnavailable)
    assert set(bench.client.counters.refused) == {refusal}
    assert bench.double.hits.total() == (
        0 if fault in NO_ANSWER else bench.client.counters.requests
    )


def test_the_client_recovers_once_a_fault_is_over(bench: Bench) -> None:
    bench.double.fault = Fault.WRONG_USER
    outcome = outcome_of(bench.client.fetch("ABC", "ann"))
    bench.clock.pump([0.05] * 10)
    assert outcome == []
    bench.double.fault = Fault.NONE
    bench.clock.pump([0.05] * 40)
    assert isinstance(outcome[0], Quote)
    assert bench.double.hits == {"ABC": 2}


def test_a_double_that_is_down_closes_at_once_without_a_hit(bench: Bench) -> None:
    bench.double.fault = Fault.DOWN
    transport = bench.send(b"ABC,ann\n")
    bench.clock.advance(1.0)
    assert transport.disconnecting
    assert transport.value() == b""
    assert bench.double.hits == {}
