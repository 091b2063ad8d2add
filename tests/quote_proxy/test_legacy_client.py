"""The legacy client: good answers or a typed error before the deadline, and no hit in vain."""

from random import Random

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionLost, DNSLookupError
from twisted.internet.task import Clock

from protocol.quote import Quote
from quote_proxy.legacy_client import LegacyQuoteClient
from quote_proxy.legacy_line import ANSWER_BYTES_MAX, answer_line
from quote_proxy.source import QuoteUnavailable, Refusal
from tests.quote_proxy.links import EPOCH_MS, ManualEndpoint, outcome_of, wall_of

LONGEST_FIRST_REST_S = 1.5


def good(symbol: str = "ABC", user: str = "ann", quoted_ms: int = EPOCH_MS) -> Quote:
    return Quote(symbol, 1234, quoted_ms, "a2V5", user)


class Bench:
    """A client, its clock and the attempts it makes."""

    def __init__(self, concurrency: int = 256, queue_max: int = 20_000) -> None:
        self.clock = Clock()
        self.endpoint = ManualEndpoint()
        self.attempts = self.endpoint.attempts
        self.client = LegacyQuoteClient(
            self.clock,
            self.endpoint,
            wall_ms=wall_of(self.clock),
            random=Random(1),
            attempt_timeout_s=5.0,
            deadline_s=15.0,
            concurrency=concurrency,
            queue_max=queue_max,
            clock_tolerance_s=10.0,
        )

    def fetch(self, symbol: str = "ABC", user: str = "ann") -> list[object]:
        return outcome_of(self.client.fetch(symbol, user))

    def advance(self, seconds: float) -> None:
        """Let time pass in small steps, so that calls made on the way come on time."""
        self.clock.pump([0.05] * round(seconds / 0.05))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def reason_of(outcome: list[object]) -> Refusal:
    (error,) = outcome
    assert isinstance(error, QuoteUnavailable)
    return error.reason


def test_the_request_is_one_line_and_the_answer_counts_once_the_server_has_closed(
    bench: Bench,
) -> None:
    outcome = bench.fetch()
    bench.attempts[0].accept()
    assert bench.attempts[0].transport.value() == b"ABC,ann\n"
    line = answer_line(good())
    bench.attempts[0].receive(line[:7])
    bench.attempts[0].receive(line[7:])
    assert outcome == []
    bench.attempts[0].close()
    assert outcome == [good()]
    assert (bench.client.counters.requests, bench.client.counters.answered) == (1, 1)
    assert bench.clock.getDelayedCalls() == []


@pytest.mark.parametrize("skew_ms", [-10_000, 10_000])
def test_an_answer_within_the_clock_tolerance_is_taken(bench: Bench, skew_ms: int) -> None:
    outcome = bench.fetch()
    quote = good(quoted_ms=EPOCH_MS + skew_ms)
    bench.attempts[0].answer(answer_line(quote))
    assert outcome == [quote]


@pytest.mark.parametrize("skew_ms", [-10_001, 10_001, -120_000, 10**11])
def test_an_answer_from_another_time_is_refused(bench: Bench, skew_ms: int) -> None:
    bench.fetch()
    bench.attempts[0].answer(answer_line(good(quoted_ms=EPOCH_MS + skew_ms)))
    assert bench.client.counters.refused == {Refusal.CLOCK: 1}
    assert bench.client.counters.answered == 0


def test_the_clock_tolerance_is_counted_from_the_whole_attempt(bench: Bench) -> None:
    """A server that stamps its answer when it sends it is not ahead of its time."""
    outcome = bench.fetch()
    bench.advance(4.0)
    quote = good(quoted_ms=EPOCH_MS + 14_000)
    bench.attempts[0].answer(answer_line(quote))
    assert outcome == [quote]


def test_a_reset_after_a_whole_line_is_no_answer(bench: Bench) -> None:
    outcome = bench.fetch()
    bench.attempts[0].accept()
    bench.attempts[0].receive(answer_line(good()))
    bench.attempts[0].close(ConnectionLost())
    assert outcome == []
    assert bench.client.counters.refused == {Refusal.RESET: 1}


def test_an_endless_answer_is_aborted(bench: Bench) -> None:
    bench.fetch()
    bench.attempts[0].accept()
    bench.attempts[0].receive(b"1" * (ANSWER_BYTES_MAX + 1))
    assert bench.attempts[0].aborted
    bench.attempts[0].close(ConnectionLost())
    assert bench.client.counters.refused == {Refusal.TOO_LONG: 1}


def test_a_hanging_attempt_is_aborted_at_its_timeout_and_not_before(bench: Bench) -> None:
    """Until then the answer may still come, and it is charged either way."""
    bench.fetch()
    bench.attempts[0].accept()
    bench.clock.advance(4.99)
    assert not bench.attempts[0].aborted
    assert len(bench.attempts) == 1
    bench.clock.advance(0.01)
    assert bench.attempts[0].aborted
    assert bench.client.counters.refused == {Refusal.TIMEOUT: 1}


def test_a_connection_that_never_comes_about_times_out_as_well(bench: Bench) -> None:
    bench.fetch()
    bench.clock.advance(5.0)
    assert bench.attempts[0].cancelled
    assert bench.client.counters.refused == {Refusal.TIMEOUT: 1}


def test_a_late_answer_to_an_attempt_given_up_is_ignored(bench: Bench) -> None:
    outcome = bench.fetch()
    bench.attempts[0].accept()
    bench.clock.advance(5.0)
    bench.attempts[0].receive(answer_line(good()))
    bench.attempts[0].close()
    assert outcome == []
    assert bench.client.counters.answered == 0


def test_a_bad_answer_is_tried_again_after_a_rest(bench: Bench) -> None:
    outcome = bench.fetch()
    bench.attempts[0].answer(answer_line(good("ABD")))
    bench.advance(0.95)
    assert len(bench.attempts) == 1
    bench.advance(LONGEST_FIRST_REST_S - 0.95)
    bench.attempts[1].answer(answer_line(good()))
    assert outcome == [good()]
    assert bench.client.counters.refused == {Refusal.SYMBOL: 1}


def test_an_answer_ends_the_doubling_of_rests(bench: Bench) -> None:
    bench.fetch()
    bench.attempts[0].refuse()
    bench.advance(LONGEST_FIRST_REST_S)
    bench.attempts[1].answer(answer_line(good()))
    bench.fetch()
    bench.attempts[2].refuse()
    bench.advance(LONGEST_FIRST_REST_S)
    assert len(bench.attempts) == 4


def test_a_server_whose_name_is_unknown_cannot_be_reached(bench: Bench) -> None:
    outcome = bench.fetch()
    bench.attempts[0].refuse(DNSLookupError())
    assert bench.client.counters.refused == {Refusal.UNREACHABLE: 1}
    assert outcome == []


def test_bad_input_is_not_sent_again(bench: Bench) -> None:
    outcome = bench.fetch()
    bench.attempts[0].answer(answer_line(good(user="NA")))
    assert reason_of(outcome) is Refusal.NOT_ACCEPTED
    bench.advance(15.0)
    assert len(bench.attempts) == 1


def test_a_server_that_is_down_gives_the_last_reason_before_the_deadline(bench: Bench) -> None:
    outcome = bench.fetch()
    for _ in range(300):
        for attempt in bench.attempts:
            if not attempt.connected.called:
                attempt.refuse()
        bench.clock.advance(0.05)
    assert reason_of(outcome) is Refusal.UNREACHABLE
    assert bench.client.counters.given_up == {Refusal.UNREACHABLE: 1}
    assert 3 <= len(bench.attempts) <= 5
    assert bench.clock.getDelayedCalls() == []


def test_a_hanging_server_is_given_up_before_the_deadline_and_no_attempt_is_cut_short(
    bench: Bench,
) -> None:
    outcome = bench.fetch()
    bench.advance(15.0)
    assert reason_of(outcome) is Refusal.TIMEOUT
    assert bench.client.counters.refused == {Refusal.TIMEOUT: len(bench.attempts)}


def test_an_outage_costs_a_symbol_at_most_one_request_a_second_however_often_it_is_asked(
    bench: Bench,
) -> None:
    """A request that was given up leaves its symbol's rest to the next one."""
    begun_s: list[float] = []
    outcome = bench.fetch()
    for _ in range(1200):
        for attempt in bench.attempts[len(begun_s) :]:
            begun_s.append(bench.clock.seconds())
            attempt.refuse()
        if outcome:
            outcome = bench.fetch()
        bench.clock.advance(0.05)
    rests_s = [after - before for before, after in zip(begun_s, begun_s[1:], strict=False)]
    assert bench.client.counters.given_up.total() >= 2
    assert len(rests_s) >= 8
    assert min(rests_s) >= 0.999


def test_requests_beyond_the_concurrency_wait_in_the_order_they_came() -> None:
    bench = Bench(concurrency=2)
    outcomes = [bench.fetch(symbol) for symbol in ("A", "B", "C", "D")]
    assert len(bench.attempts) == 2
    bench.attempts[1].answer(answer_line(good("B")))
    bench.clock.advance(0)
    bench.attempts[0].answer(answer_line(good("A")))
    bench.clock.advance(0)
    for attempt, symbol in zip(bench.attempts[2:], ("C", "D"), strict=True):
        attempt.answer(answer_line(good(symbol)))
    assert outcomes == [[good(symbol)] for symbol in ("A", "B", "C", "D")]


def test_a_resting_symbol_does_not_hold_up_the_line() -> None:
    bench = Bench(concurrency=1)
    bench.fetch("A")
    other = bench.fetch("B")
    bench.attempts[0].refuse()
    bench.clock.advance(0)
    bench.attempts[1].answer(answer_line(good("B")))
    assert other == [good("B")]


def test_a_full_queue_refuses_at_once() -> None:
    bench = Bench(concurrency=1, queue_max=1)
    bench.fetch("A")
    bench.fetch("B")
    assert reason_of(bench.fetch("C")) is Refusal.QUEUE_FULL
    bench.attempts[0].answer(answer_line(good("A")))
    assert bench.fetch("C") == []


def test_a_request_whose_turn_comes_too_late_is_given_up_without_an_attempt() -> None:
    """An attempt that the deadline would cut short is not begun: it would be charged in vain."""
    bench = Bench(concurrency=1)
    ahead = [bench.fetch(symbol) for symbol in ("A", "B", "C")]
    late = bench.fetch("D")
    for number in range(3):
        bench.clock.advance(4.0)
        bench.attempts[number].answer(answer_line(good("ABC"[number], quoted_ms=EPOCH_MS + 8_000)))
        bench.clock.advance(0)
    assert all(isinstance(quote, Quote) for (quote,) in ahead)
    assert reason_of(late) is Refusal.DEADLINE
    assert len(bench.attempts) == 3


def test_a_request_still_in_line_at_the_deadline_is_given_up() -> None:
    """Its first attempt failed and while its symbol rested, others got in line before it."""
    bench = Bench(concurrency=1)
    late = bench.fetch("L")
    bench.attempts[0].refuse()
    bench.advance(0.5)
    for symbol in ("A", "B", "C"):
        bench.fetch(symbol)
    bench.advance(4.8)
    bench.attempts[1].refuse()
    bench.advance(9.6)
    assert late == []
    bench.advance(0.2)
    assert reason_of(late) is Refusal.DEADLINE
    assert len(bench.attempts) == 4


def test_cancelling_a_connecting_request_cancels_the_connection(bench: Bench) -> None:
    fetched = bench.client.fetch("ABC", "ann")
    outcome = outcome_of(fetched)
    fetched.cancel()
    assert bench.attempts[0].cancelled
    assert isinstance(outcome[0], CancelledError)
    assert bench.clock.getDelayedCalls() == []


def test_cancelling_an_asked_request_aborts_the_connection_and_frees_its_slot() -> None:
    bench = Bench(concurrency=1)
    fetched = bench.client.fetch("ABC", "ann")
    outcome = outcome_of(fetched)
    bench.fetch("B")
    bench.attempts[0].accept()
    fetched.cancel()
    bench.attempts[0].close(ConnectionLost())
    bench.clock.advance(0)
    assert bench.attempts[0].aborted
    assert isinstance(outcome[0], CancelledError)
    assert bench.client.counters.refused == {}
    assert len(bench.attempts) == 2


def test_cancelling_a_request_in_line_takes_it_out() -> None:
    bench = Bench(concurrency=1)
    bench.fetch("A")
    waiting = bench.client.fetch("B", "ann")
    outcome = outcome_of(waiting)
    last = bench.fetch("C")
    waiting.cancel()
    assert isinstance(outcome[0], CancelledError)
    bench.attempts[0].answer(answer_line(good("A")))
    bench.clock.advance(0)
    bench.attempts[1].answer(answer_line(good("C")))
    assert last == [good("C")]


def test_cancelling_a_resting_request_leaves_nothing_behind(bench: Bench) -> None:
    fetched = bench.client.fetch("ABC", "ann")
    outcome = outcome_of(fetched)
    bench.attempts[0].refuse()
    fetched.cancel()
    assert isinstance(outcome[0], CancelledError)
    assert bench.clock.getDelayedCalls() == []


def test_what_cannot_be_asked_for_fails_without_a_connection(bench: Bench) -> None:
    (error,) = bench.fetch("A,B")
    assert isinstance(error, ValueError)
    assert bench.attempts == []
