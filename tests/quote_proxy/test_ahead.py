"""Fetching ahead: who asks in the last seconds of a price in demand has the next one fetched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from quote_proxy.ahead import (
    AHEAD_S_MAX,
    HOT_ASKS,
    HOT_LEAD_S,
    JITTER_S,
    PAUSE_S,
    RESTLESS_BP,
    WARM_ASKS,
    WARM_LEAD_S,
    AheadPolicy,
    moved_bp,
)
from quote_proxy.cache import QuoteCache
from tests.quote_proxy.links import outcome_of, wall_of
from tests.quote_proxy.prices import ManualSource, quote_now


class Stall:
    """A node's cache whose clients ask when the test says so."""

    def __init__(self, jitter: float = 0.0) -> None:
        self.clock = Clock()
        self.source = ManualSource()
        self.cache = QuoteCache(
            self.source, self.clock, wall_ms=wall_of(self.clock), ahead=AheadPolicy(lambda: jitter)
        )

    def ask(self, times: int = 1) -> None:
        for number in range(times):
            assert self.cache.fresh("ABC", "ann", number + 1) is not None

    def bring_price(self, price_cents: int = 1234) -> None:
        outcome_of(self.cache.get("ABC", "bob", 1))
        self.answer(price_cents)

    def answer(self, price_cents: int = 1234) -> None:
        self.source.answer(quote_now(self.clock, price_cents=price_cents))
        self.clock.advance(0)

    @property
    def fetched_ahead(self) -> int:
        return len(self.source.asked) - 1


@pytest.mark.parametrize(
    ("asks", "moved", "lead_s"),
    [
        (WARM_ASKS - 1, 0, 0.0),
        (WARM_ASKS, 0, WARM_LEAD_S),
        (HOT_ASKS - 1, 0, WARM_LEAD_S),
        (HOT_ASKS, 0, HOT_LEAD_S),
        (WARM_ASKS // 2, RESTLESS_BP, 0.0),
        (WARM_ASKS // 2 + 1, RESTLESS_BP, WARM_LEAD_S),
        (HOT_ASKS // 2, RESTLESS_BP - 1, WARM_LEAD_S),
        (HOT_ASKS // 2, RESTLESS_BP, HOT_LEAD_S),
    ],
)
def test_a_symbols_class_is_how_often_it_is_asked_for_and_how_much_it_moves(
    asks: int, moved: int, lead_s: float
) -> None:
    assert AheadPolicy(lambda: 0.0).lead_s(asks, moved) == lead_s


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_a_move_is_as_large_either_way_and_none_where_the_price_stays(
    before: int, after: int
) -> None:
    assert moved_bp(before, after) == abs(after - before) * 10_000 // before
    assert moved_bp(before, before) == 0


@pytest.mark.parametrize(
    ("asks", "lead_s"), [(WARM_ASKS, WARM_LEAD_S), (HOT_ASKS, HOT_LEAD_S)], ids=["warm", "hot"]
)
def test_the_first_who_asks_within_the_lead_has_the_next_price_fetched(
    asks: int, lead_s: float
) -> None:
    stall = Stall()
    stall.bring_price()
    stall.ask(asks)
    stall.clock.advance(60.0 - lead_s - 0.125)
    stall.ask()
    assert stall.fetched_ahead == 0
    stall.clock.advance(0.125)
    stall.ask(5)
    assert stall.source.asked[1:] == [("ABC", "ann", 1)]
    assert stall.source.ahead == [False, True]
    stall.answer(1300)
    quote = stall.cache.fresh("ABC")
    assert quote is not None
    assert quote.price_cents == 1300


def test_nobody_asks_and_nothing_is_fetched() -> None:
    stall = Stall()
    stall.bring_price()
    stall.ask(10 * HOT_ASKS)
    stall.clock.advance(300.0)
    assert stall.fetched_ahead == 0


def test_a_cold_symbol_is_never_fetched_ahead() -> None:
    stall = Stall()
    stall.bring_price()
    stall.ask(WARM_ASKS - 1)
    stall.clock.advance(60.0)
    stall.ask()
    assert stall.fetched_ahead == 0


def test_asks_of_an_earlier_price_do_not_count() -> None:
    stall = Stall()
    stall.bring_price()
    stall.ask(HOT_ASKS)
    stall.clock.advance(57.0)
    stall.ask()
    stall.answer()
    stall.clock.advance(60.0)
    stall.ask()
    assert stall.fetched_ahead == 1


def test_a_restless_symbol_is_fetched_as_early_as_one_asked_for_twice_as_often() -> None:
    stall = Stall()
    stall.bring_price(1000)
    stall.clock.advance(61.0)
    stall.bring_price(1010)
    stall.ask(HOT_ASKS // 2)
    stall.clock.advance(60.0 - HOT_LEAD_S)
    stall.ask()
    assert len(stall.source.asked) == 3


def test_the_jitter_makes_it_earlier_by_no_more_than_its_bound() -> None:
    stall = Stall(jitter=1.0)
    stall.bring_price()
    stall.ask(HOT_ASKS)
    stall.clock.advance(60.0 - AHEAD_S_MAX - 0.125)
    stall.ask()
    assert stall.fetched_ahead == 0
    stall.clock.advance(0.125)
    stall.ask()
    assert stall.fetched_ahead == 1
    assert AHEAD_S_MAX == HOT_LEAD_S + JITTER_S


def test_a_price_that_cannot_be_had_is_tried_again_after_a_pause_while_the_old_one_serves() -> None:
    stall = Stall()
    stall.bring_price()
    stall.ask(HOT_ASKS)
    stall.clock.advance(60.0 - HOT_LEAD_S)
    for tries in (1, 2, 3):
        stall.ask(3)
        assert stall.fetched_ahead == tries
        stall.source.fail()
        stall.ask(3)
        assert stall.fetched_ahead == tries
        stall.clock.advance(PAUSE_S)


def test_who_asks_after_the_lapse_waits_for_the_fetch_that_is_under_way() -> None:
    stall = Stall()
    stall.bring_price()
    stall.ask(HOT_ASKS)
    stall.clock.advance(60.0)
    stall.ask()
    stall.clock.advance(1.0)
    assert stall.cache.fresh("ABC", "ann") is None
    waiting = outcome_of(stall.cache.get("ABC", "carl"))
    stall.answer(777)
    assert [quote.price_cents for quote in waiting if hasattr(quote, "price_cents")] == [777]
    assert stall.fetched_ahead == 1


def test_a_cache_without_jitter_fetches_nothing_ahead() -> None:
    clock, source = Clock(), ManualSource()
    cache = QuoteCache(source, clock, wall_ms=wall_of(clock))
    outcome_of(cache.get("ABC", "ann"))
    source.answer(quote_now(clock))
    clock.advance(58.0)
    for _ in range(HOT_ASKS):
        cache.fresh("ABC", "ann")
    assert source.symbols == ["ABC"]
