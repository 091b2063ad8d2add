"""The fewest possible hits: the greedy count against trying every plan."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from generator.hits import legacy_hits_minimum

_START_MS = 1_700_000_000_000


def test_no_uses_need_no_hits() -> None:
    assert legacy_hits_minimum({}) == 0
    assert legacy_hits_minimum({"ABC": []}) == 0


def test_a_price_serves_every_use_up_to_sixty_seconds_old() -> None:
    assert legacy_hits_minimum({"ABC": [_START_MS, _START_MS + 30_000, _START_MS + 60_000]}) == 1


def test_a_millisecond_more_needs_another_hit() -> None:
    assert legacy_hits_minimum({"ABC": [_START_MS, _START_MS + 60_001]}) == 2


def test_a_window_counts_from_its_own_quote_not_from_fixed_minutes() -> None:
    assert legacy_hits_minimum({"ABC": [0, 50_000, 70_000, 120_000, 130_000]}) == 2


def test_symbols_share_no_price() -> None:
    assert legacy_hits_minimum({"ABC": [0, 1], "XYZ": [0]}) == 2


def test_the_order_of_uses_does_not_matter() -> None:
    assert legacy_hits_minimum({"ABC": [130_000, 0, 60_000]}) == 2


def test_an_armed_trigger_uses_the_price_at_every_moment() -> None:
    assert legacy_hits_minimum({}, {"ABC": [(0, 60_000)]}) == 1
    assert legacy_hits_minimum({}, {"ABC": [(0, 60_001)]}) == 2
    assert legacy_hits_minimum({}, {"ABC": [(0, 600_000)]}) == 10


def test_uses_and_armed_triggers_share_the_hits_of_their_symbol() -> None:
    armed = {"ABC": [(10_000, 50_000)]}
    assert legacy_hits_minimum({"ABC": [0, 60_000], "XYZ": [5]}, armed) == 2


@given(st.lists(st.integers(0, 400_000), min_size=1, max_size=7))
def test_no_plan_needs_fewer(uses_ms: list[int]) -> None:
    """A best plan asks only at moments of use, so all sets of those are tried."""
    moments = sorted(set(uses_ms))

    def serves(plan: tuple[int, ...]) -> bool:
        return all(any(0 <= use - quote <= 60_000 for quote in plan) for use in moments)

    fewest = next(
        size
        for size in range(1, len(moments) + 1)
        if any(serves(plan) for plan in combinations(moments, size))
    )
    assert legacy_hits_minimum({"ABC": uses_ms}) == fewest


@given(
    st.lists(st.tuples(st.integers(0, 300_000), st.integers(0, 150_000)), min_size=1, max_size=4),
    st.lists(st.integers(0, 450_000), max_size=4),
)
def test_spans_cost_what_walking_through_every_moment_costs(
    spans: list[tuple[int, int]], uses_ms: list[int]
) -> None:
    armed = [(first, first + length) for first, length in spans]
    moment, hits = 0, 0
    while True:
        ahead = [max(moment, first) for first, last in armed if last >= moment]
        ahead += [use for use in uses_ms if use >= moment]
        if not ahead:
            break
        hits += 1
        moment = min(ahead) + 60_001
    assert legacy_hits_minimum({"ABC": uses_ms}, {"ABC": armed}) == hits
