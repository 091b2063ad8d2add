"""Prices that were seen, and their chart: never outside of its box, never out of order."""

from hypothesis import given
from hypothesis import strategies as st

from web.chart import HEIGHT, WIDTH, chart_of
from web.prices import SEEN_MAX, SYMBOLS_MAX, Prices, SeenPrice


def points(line: str) -> list[tuple[int, int]]:
    return [(int(x), int(y)) for x, y in (pair.split(",") for pair in line.split(" "))]


def test_nothing_seen_draws_nothing() -> None:
    assert chart_of("ABC", []) is None


def test_a_price_stands_until_the_next_one_was_seen() -> None:
    chart = chart_of("ABC", [SeenPrice(0, 100), SeenPrice(50, 200), SeenPrice(100, 150)])
    assert chart is not None
    xs_and_ys = points(chart.line)
    assert [x for x, _ in xs_and_ys] == [0, WIDTH // 2, WIDTH // 2, WIDTH, WIDTH, WIDTH]
    assert xs_and_ys[0][1] == xs_and_ys[1][1] > xs_and_ys[2][1] == xs_and_ys[3][1]
    assert (chart.lowest_cents, chart.highest_cents) == (100, 200)
    assert (chart.last_cents, chart.change_cents) == (150, 50)


@given(st.lists(st.tuples(st.integers(0, 10**13), st.integers(1, 10**12)), min_size=1))
def test_every_chart_stays_in_its_box(seen: list[tuple[int, int]]) -> None:
    chart = chart_of("ABC", sorted(SeenPrice(*each) for each in seen))
    assert chart is not None
    drawn = points(chart.line)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in drawn)
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)


def test_a_price_is_remembered_once_and_in_order() -> None:
    prices = Prices()
    assert prices.saw("ABC", 5, 100)
    assert not prices.saw("ABC", 5, 100)
    assert prices.saw("ABC", 3, 90)
    assert prices.of("ABC") == [SeenPrice(3, 90), SeenPrice(5, 100)]
    assert prices.last("ABC") == SeenPrice(5, 100)
    assert prices.last("XYZ") is None and prices.of("XYZ") == []


def test_the_oldest_prices_and_the_stocks_not_seen_for_longest_are_forgotten() -> None:
    prices = Prices()
    for number in range(SEEN_MAX + 10):
        prices.saw("ABC", number, 1)
    assert len(prices.of("ABC")) == SEEN_MAX
    assert prices.of("ABC")[0] == SeenPrice(10, 1)
    assert not prices.saw("ABC", 1, 1)
    for number in range(SYMBOLS_MAX):
        prices.saw(f"S{number}", 1, 1)
    assert prices.of("ABC") == []
    assert len(prices.newest()) == SYMBOLS_MAX
