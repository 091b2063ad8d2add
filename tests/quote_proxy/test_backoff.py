"""A symbol that failed rests, longer each time, and never less than the first rest."""

from random import Random

from twisted.internet.task import Clock

from quote_proxy.backoff import SymbolBackoff


def test_a_symbol_without_failures_need_not_rest() -> None:
    assert SymbolBackoff(Clock(), Random(1)).wait_s("ABC") == 0.0


def test_rests_double_up_to_the_longest_and_jitter_only_lengthens_them() -> None:
    clock = Clock()
    backoff = SymbolBackoff(clock, Random(1), first_s=1.0, longest_s=5.0)
    rests_s = []
    for _ in range(40):
        backoff.failed("ABC")
        rests_s.append(backoff.wait_s("ABC"))
        clock.advance(rests_s[-1])
    for rest_s, least_s in zip(rests_s, [1.0, 2.0, 4.0] + [5.0] * 37, strict=True):
        assert least_s - 1e-9 <= rest_s <= least_s * 1.5 + 1e-9
    assert len({round(rest_s / 5.0, 6) for rest_s in rests_s[3:]}) > 30


def test_a_rest_passes_with_the_clock() -> None:
    clock = Clock()
    backoff = SymbolBackoff(clock, Random(1))
    backoff.failed("ABC")
    clock.advance(1.5)
    assert backoff.wait_s("ABC") == 0.0


def test_each_symbol_rests_for_itself() -> None:
    backoff = SymbolBackoff(Clock(), Random(1))
    backoff.failed("ABC")
    assert backoff.wait_s("ABD") == 0.0


def test_an_answer_ends_the_rest_and_the_doubling() -> None:
    backoff = SymbolBackoff(Clock(), Random(1))
    backoff.failed("ABC")
    backoff.failed("ABC")
    backoff.answered("ABC")
    assert backoff.wait_s("ABC") == 0.0
    backoff.failed("ABC")
    assert backoff.wait_s("ABC") <= 1.5
