"""The circuit breaker: while the legacy server is down, only a probe a second asks it."""

import pytest
from twisted.internet.task import Clock

from quote_proxy.billing import BilledSource
from quote_proxy.breaker import FAILURES_MAX, PROBE_EVERY_S, Breaker
from quote_proxy.source import QuoteUnavailable, Refusal
from tests.quote_proxy.links import outcome_of
from tests.quote_proxy.prices import ManualSource, quote_now

OF_THE_SERVER = [
    Refusal.UNREACHABLE,
    Refusal.TIMEOUT,
    Refusal.RESET,
    Refusal.EMPTY,
    Refusal.DEADLINE,
]


class Circuit:
    """A breaker before a source that the test answers for."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.source = ManualSource()
        self.billed: list[tuple[object, int]] = []
        bill = BilledSource(self.source, lambda *hit: self.billed.append(hit))  # type: ignore[arg-type]
        self.breaker = Breaker(self.clock, bill)

    def ask(self) -> list[object]:
        return outcome_of(self.breaker.fetch("ABC", "ann", 7))

    def fail(self, count: int, reason: Refusal = Refusal.TIMEOUT) -> None:
        """Let as many requests fail, one after the other."""
        for _ in range(count):
            outcome = self.ask()
            self.source.fail("ABC", reason)
            assert refusal_of(outcome) is reason

    def answer(self) -> None:
        self.source.answer(quote_now(self.clock))


@pytest.fixture
def circuit() -> Circuit:
    return Circuit()


def refusal_of(outcome: list[object]) -> Refusal:
    (error,) = outcome
    assert isinstance(error, QuoteUnavailable)
    return error.reason


@pytest.mark.parametrize("reason", OF_THE_SERVER)
def test_it_opens_after_ten_failures_of_the_server_in_a_row_and_refuses_at_once(
    circuit: Circuit, reason: Refusal
) -> None:
    circuit.fail(FAILURES_MAX - 1, reason)
    assert not circuit.breaker.is_open
    circuit.fail(1, reason)
    assert circuit.breaker.is_open
    assert refusal_of(circuit.ask()) is Refusal.OUTAGE
    assert len(circuit.source.asked) == FAILURES_MAX


@pytest.mark.parametrize("reason", sorted(set(Refusal) - set(OF_THE_SERVER)))
def test_failures_that_tell_about_one_symbol_do_not_open_it(
    circuit: Circuit, reason: Refusal
) -> None:
    circuit.fail(3 * FAILURES_MAX, reason)
    assert not circuit.breaker.is_open


def test_an_answer_in_between_begins_the_count_anew(circuit: Circuit) -> None:
    circuit.fail(FAILURES_MAX - 1)
    circuit.ask()
    circuit.answer()
    circuit.fail(FAILURES_MAX - 1)
    assert not circuit.breaker.is_open
    circuit.fail(1)
    assert circuit.breaker.is_open


def test_while_it_is_open_one_probe_a_second_goes_through(circuit: Circuit) -> None:
    circuit.fail(FAILURES_MAX)
    for probes in range(1, 4):
        circuit.clock.advance(PROBE_EVERY_S - 0.25)
        assert refusal_of(circuit.ask()) is Refusal.OUTAGE
        circuit.clock.advance(0.25)
        assert circuit.ask() == []
        assert refusal_of(circuit.ask()) is Refusal.OUTAGE
        assert len(circuit.source.asked) == FAILURES_MAX + probes
        circuit.source.fail("ABC")
        assert circuit.breaker.is_open


def test_a_probe_that_is_answered_closes_it(circuit: Circuit) -> None:
    circuit.fail(FAILURES_MAX)
    circuit.clock.advance(PROBE_EVERY_S)
    probe = circuit.ask()
    circuit.answer()
    assert probe == [quote_now(circuit.clock)]
    assert not circuit.breaker.is_open
    circuit.fail(FAILURES_MAX - 1)
    assert not circuit.breaker.is_open


def test_each_answer_is_billed_to_its_command_and_no_failure_is(circuit: Circuit) -> None:
    circuit.fail(1)
    circuit.ask()
    circuit.answer()
    assert circuit.billed == [(quote_now(circuit.clock), 7)]
