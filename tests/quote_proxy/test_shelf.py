"""The shelf behind a proxy: what was paid for is not paid for again, and nothing else changes."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from protocol.quote import Quote
from quote_proxy.billing import BilledSource
from quote_proxy.breaker import Breaker
from quote_proxy.cache import QuoteCache
from quote_proxy.shelf import AHEAD_MS_MAX, LEFT_MS_MIN, ShelvedSource
from quote_proxy.source import QuoteUnavailable, Refusal
from tests.quote_proxy.links import outcome_of, wall_of
from tests.quote_proxy.prices import ManualSource, quote_now


class MemoryShelf:
    """See `quote_proxy.shelf.Shelf`.

    :ivar kept: what is on it, with the time it may lie there.
    :ivar is_away: it neither gives nor takes.
    """

    def __init__(self) -> None:
        self.kept: dict[str, tuple[Quote, int]] = {}
        self.is_away = False
        self.slowly: Deferred[None] | None = None

    async def take(self, symbol: str) -> Quote | None:
        if self.is_away or symbol not in self.kept:
            return None
        return self.kept[symbol][0]

    async def put(self, quote: Quote, ttl_ms: int) -> None:
        if self.slowly is not None:
            await self.slowly
        if not self.is_away:
            self.kept[quote.symbol] = quote, ttl_ms


class Proxy:
    """A proxy's cache before a shelf that others share."""

    def __init__(self, clock: Clock, shelf: MemoryShelf) -> None:
        self.clock = clock
        self.legacy = ManualSource()
        self.billed: list[Quote] = []
        bill = BilledSource(self.legacy, lambda quote, _number: self.billed.append(quote))  # type: ignore[arg-type]
        self.source = ShelvedSource(Breaker(clock, bill), shelf, wall_of(clock))
        self.cache = QuoteCache(self.source, clock, wall_ms=wall_of(clock))

    def get(self, symbol: str = "ABC") -> list[object]:
        outcome = outcome_of(self.cache.get(symbol, "ann", 7))
        self.clock.advance(0)
        return outcome

    def answer(self, price_cents: int = 1234) -> Quote:
        quote = quote_now(self.clock, price_cents=price_cents)
        self.legacy.answer(quote)
        self.clock.advance(0)
        return quote


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf() -> MemoryShelf:
    return MemoryShelf()


def test_a_proxy_that_was_started_again_does_not_pay_again(
    clock: Clock, shelf: MemoryShelf
) -> None:
    first = Proxy(clock, shelf)
    first.get()
    quote = first.answer()
    clock.advance(20.0)
    again = Proxy(clock, shelf)
    assert again.get() == [quote]
    assert again.legacy.asked == []
    assert again.billed == []
    assert (again.source.counters.found, again.source.counters.missed) == (1, 0)
    clock.advance(40.0)
    assert again.get() == [quote]
    clock.advance(0.125)
    assert again.get() == []
    assert again.legacy.symbols == ["ABC"]


def test_a_price_lies_there_for_as_long_as_it_may_be_used(clock: Clock, shelf: MemoryShelf) -> None:
    proxy = Proxy(clock, shelf)
    proxy.get()
    quote = quote_now(clock)
    clock.advance(2.0)
    proxy.legacy.answer(quote)
    assert shelf.kept == {"ABC": (quote, 58_000)}


def test_the_next_price_is_not_looked_for_there(clock: Clock, shelf: MemoryShelf) -> None:
    proxy = Proxy(clock, shelf)
    proxy.get()
    proxy.answer(100)
    clock.advance(57.0)
    proxy.cache.refresh("ABC", "ann", 1)
    assert proxy.legacy.symbols == ["ABC", "ABC"]
    renewed = proxy.answer(200)
    assert shelf.kept["ABC"][0] == renewed


@pytest.mark.parametrize(
    "kept",
    [
        Quote("ABD", 100, 0, "k=", "ann"),
        Quote("ABC", 0, 0, "k=", "ann"),
        Quote("ABC", 100, -60_000 + LEFT_MS_MIN - 1, "k=", "ann"),
        Quote("ABC", 100, AHEAD_MS_MAX + 1, "k=", "ann"),
    ],
    ids=["another symbol", "no price", "about to lapse", "from the future"],
)
def test_what_may_not_decide_a_trade_is_left_there(
    clock: Clock, shelf: MemoryShelf, kept: Quote
) -> None:
    now_ms = wall_of(clock)()
    shifted = Quote(kept.symbol, kept.price_cents, now_ms + kept.quoted_ms, "k=", "ann")
    shelf.kept["ABC"] = shifted, 1
    proxy = Proxy(clock, shelf)
    assert proxy.get() == []
    assert proxy.legacy.symbols == ["ABC"]


def test_a_shelf_that_is_away_costs_hits_and_nothing_else(clock: Clock, shelf: MemoryShelf) -> None:
    shelf.is_away = True
    for _ in range(2):
        proxy = Proxy(clock, shelf)
        outcome = proxy.get()
        quote = proxy.answer()
        assert outcome == [quote]
        assert proxy.billed == [quote]


def test_nobody_waits_until_a_price_is_put_there(clock: Clock, shelf: MemoryShelf) -> None:
    shelf.slowly = Deferred()
    proxy = Proxy(clock, shelf)
    outcome = proxy.get()
    quote = proxy.answer()
    assert (outcome, shelf.kept) == ([quote], {})
    shelf.slowly.callback(None)
    assert list(shelf.kept) == ["ABC"]


def test_a_refusal_passes_through_and_nothing_is_put_there(
    clock: Clock, shelf: MemoryShelf
) -> None:
    proxy = Proxy(clock, shelf)
    outcome = proxy.get()
    proxy.legacy.fail("ABC", Refusal.PRICE)
    clock.advance(0)
    (error,) = outcome
    assert isinstance(error, QuoteUnavailable)
    assert shelf.kept == {}
