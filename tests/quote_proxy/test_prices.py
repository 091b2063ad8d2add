"""The double's prices walk, stay in bounds and are the same on every run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.money import Cents
from quote_proxy.prices import Prices, walked_price

NOW_MS = 1_700_000_000_000

symbols = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=3)


@given(st.integers(), symbols, st.integers(0, 10**12))
def test_a_price_stays_between_one_and_five_hundred_dollars(
    seed: int, symbol: str, step: int
) -> None:
    assert 100 <= walked_price(seed, symbol, step) <= 50_000


@given(st.integers(), symbols, st.integers(0, 10**12))
def test_a_step_moves_a_price_by_at_most_a_fortieth(seed: int, symbol: str, step: int) -> None:
    before, after = walked_price(seed, symbol, step), walked_price(seed, symbol, step + 1)
    assert abs(after - before) <= before // 40 + 1


def test_a_price_walks_far_within_a_day() -> None:
    day = [walked_price(1, "ABC", step) for step in range(0, 8640, 40)]
    assert max(day) > min(day) * 11 // 10


def test_a_price_changes_with_nearly_every_step() -> None:
    prices = [walked_price(1, "ABC", step) for step in range(101)]
    changes = sum(before != after for before, after in zip(prices, prices[1:], strict=False))
    assert changes >= 90


def test_a_price_is_the_same_on_every_run_and_machine() -> None:
    assert [walked_price(1, "ABC", 170_000_000 + step) for step in range(3)] == [
        13252,
        13330,
        13390,
    ]


def test_seeds_and_symbols_have_walks_of_their_own() -> None:
    prices = {walked_price(seed, symbol, 5) for seed in range(10) for symbol in ("A", "B", "AB")}
    assert len(prices) >= 28


def test_a_price_holds_for_a_step_and_then_moves() -> None:
    prices = Prices(1, step_s=10.0)
    assert prices.at("ABC", NOW_MS) == prices.at("ABC", NOW_MS + 9_999)
    later = {prices.at("ABC", NOW_MS + 10_000 * step) for step in range(1, 6)}
    assert later != {prices.at("ABC", NOW_MS)}


def test_a_pinned_price_holds_until_it_is_unpinned() -> None:
    prices = Prices(1)
    walking = prices.at("ABC", NOW_MS)
    prices.pin("ABC", Cents(1234))
    assert prices.at("ABC", NOW_MS) == prices.at("ABC", NOW_MS + 10**8) == 1234
    assert prices.at("ABD", NOW_MS) == Prices(1).at("ABD", NOW_MS)
    prices.unpin("ABC")
    assert prices.at("ABC", NOW_MS) == walking


@pytest.mark.parametrize("price", [0, -1])
def test_a_price_of_nothing_cannot_be_pinned(price: int) -> None:
    with pytest.raises(ValueError, match="above zero"):
        Prices(1).pin("ABC", Cents(price))
