"""Watched symbols: their prices are fetched anew as they lapse, and nothing else is."""

from random import Random

import pytest
from twisted.internet.task import Clock

from quote_proxy.cache import QuoteCache
from quote_proxy.demand import JITTER_S, PAUSE_S, Demand
from quote_proxy.source import HeldQuote
from tests.quote_proxy.links import wall_of
from tests.quote_proxy.prices import ManualSource, quote_now


class Edge(Random):
    """A source of one number."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self._number = number

    def random(self) -> float:
        return self._number


class Market:
    """Demand on a cache; which symbols are watched the test says."""

    def __init__(self, random: Random | None = None) -> None:
        self.clock = Clock()
        self.source = ManualSource()
        self.watched: set[str] = set()
        self.cache = QuoteCache(self.source, self.clock, wall_ms=wall_of(self.clock))
        self.demand = Demand(self.clock, self.cache, random or Edge(0.0), self.watched.__contains__)
        self.cache.on_new = self.demand.new_price
        self.cache.on_failed = self.demand.fetch_failed

    def watch(self, user: str = "ann", number: int = 1) -> None:
        self.watched.add("ABC")
        self.demand.wanted("ABC", user, number)

    def bring_price(self, usable_ms: int = 60_000) -> None:
        """A price comes in, whoever wanted it."""
        self.cache.offer(HeldQuote(quote_now(self.clock), usable_ms))

    def answer(self) -> None:
        self.source.answer(quote_now(self.clock))


@pytest.fixture
def market() -> Market:
    return Market()


def test_a_watched_symbol_is_fetched_anew_as_its_price_lapses(market: Market) -> None:
    market.watch("bob", 5)
    market.bring_price()
    market.clock.advance(59.75)
    assert market.source.asked == []
    market.clock.advance(0.25)
    assert market.source.asked == [("ABC", "bob", 5)]
    assert market.cache.fresh("ABC") is not None
    market.answer()
    market.clock.advance(60.0)
    assert market.source.asked == [("ABC", "bob", 5)] * 2


def test_a_symbol_whose_price_is_held_when_the_watch_begins_is_fetched_as_it_lapses(
    market: Market,
) -> None:
    market.bring_price(10_000)
    market.watch()
    market.clock.advance(10.0)
    assert market.source.symbols == ["ABC"]


def test_what_nobody_watches_is_not_fetched(market: Market) -> None:
    market.bring_price()
    market.clock.advance(200.0)
    assert market.source.asked == []
    assert market.clock.getDelayedCalls() == []


def test_a_symbol_that_nobody_watches_any_more_is_let_go(market: Market) -> None:
    market.watch()
    market.bring_price()
    market.watched.clear()
    market.clock.advance(200.0)
    assert market.source.asked == []
    assert market.clock.getDelayedCalls() == []


@pytest.mark.parametrize(("number", "early_s"), [(0.0, 0.0), (1.0, JITTER_S)])
def test_the_jitter_makes_it_earlier_by_no_more_than_its_bound(
    number: float, early_s: float
) -> None:
    market = Market(Edge(number))
    market.watch()
    market.bring_price()
    (call,) = market.clock.getDelayedCalls()
    assert call.getTime() == 60.0 - early_s


def test_a_refresh_that_fails_is_tried_again(market: Market) -> None:
    market.watch()
    market.bring_price()
    market.clock.advance(60.0)
    for tries in range(2, 5):
        market.source.fail()
        market.clock.advance(PAUSE_S)
        assert len(market.source.asked) == tries


def test_prices_that_are_old_when_they_come_are_not_asked_for_without_a_pause(
    market: Market,
) -> None:
    """A quote server whose clock is behind must not be asked in a loop."""
    market.watch()
    market.bring_price(usable_ms=500)
    market.clock.advance(PAUSE_S - 0.25)
    assert market.source.asked == []
    market.clock.advance(0.25)
    assert market.source.symbols == ["ABC"]


def test_a_price_that_came_meanwhile_puts_the_next_look_off(market: Market) -> None:
    market.watch()
    market.bring_price(30_000)
    market.clock.advance(10.0)
    market.bring_price(60_000)
    market.clock.advance(59.75)
    assert market.source.asked == []
    assert len(market.clock.getDelayedCalls()) == 1


def test_once_stopped_nothing_is_fetched(market: Market) -> None:
    market.watch()
    market.bring_price()
    market.demand.stop()
    market.clock.advance(100.0)
    assert market.source.asked == []
