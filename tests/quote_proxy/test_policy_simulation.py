"""Many windows of customers at two nodes, from seeds: what a price costs, and who waits for it."""

import pytest

from benchmarks.quotes_policy import POLICIES, Outcome, measure
from quote_proxy.ahead import AHEAD_S_MAX

SYMBOLS = 2
SEEDS = (1, 2, 3)
SPAN_S = 630.0


def played(name: str, seed: int) -> list[Outcome]:
    """One policy over ten and a half windows; a stale price would end it."""
    return measure(name, seed, SPAN_S, SYMBOLS)


@pytest.mark.parametrize("seed", SEEDS)
def test_hot_symbols_hardly_ever_wait_and_cost_no_more_than_the_lead_allows(seed: int) -> None:
    hottest = played("by class", seed)[0]
    assert hottest.asks > 10_000
    assert hottest.slow_percent < 1.0
    windows = hottest.hits_minimum / SYMBOLS
    assert hottest.hits <= SYMBOLS * (windows * 60.0 / (60.0 - AHEAD_S_MAX) + 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_symbols_that_are_seldom_asked_for_cost_next_to_nothing_more(seed: int) -> None:
    for each in played("by class", seed)[3:]:
        assert each.hits <= each.hits_minimum + 3


@pytest.mark.parametrize("seed", SEEDS)
def test_without_fetching_ahead_the_hits_are_the_fewest_possible(seed: int) -> None:
    for each in played("never ahead", seed)[:3]:
        assert each.hits_minimum <= each.hits <= each.hits_minimum + 1


def test_asking_again_early_is_paid_for() -> None:
    patient, hasty = (played(f"never ahead{how}", 1) for how in ("", ", ask again after 30 ms"))
    assert sum(each.hits for each in hasty) > 1.3 * sum(each.hits for each in patient)
    assert set(POLICIES) >= {"by class", "never ahead"}
