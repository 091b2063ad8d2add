"""The window rule under clocks that disagree: whatever is given out may be used by every clock."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from protocol.quote import QUOTE_TTL_MS, Quote
from quote_proxy.billing import BilledSource
from quote_proxy.cache import QuoteCache
from quote_proxy.legacy_client import LegacyQuoteClient
from quote_proxy.legacy_line import answer_line
from quote_proxy.source import QuoteUnavailable, Refusal
from tests.quote_proxy.links import EPOCH_MS, ManualEndpoint, outcome_of, wall_of

TOLERANCE_MS = 10_000


class Chain:
    """A cache, the client behind it, and a quote server whose clock is off.

    :param skew_ms: how far the server's clock is ahead of ours.
    """

    def __init__(self, skew_ms: int) -> None:
        self.clock = Clock()
        self.endpoint = ManualEndpoint()
        wall_ms = wall_of(self.clock)
        self.client = LegacyQuoteClient(
            self.clock, self.endpoint, wall_ms=wall_ms, random=Random(1)
        )
        source = BilledSource(self.client, lambda _quote, _number: None)
        self.cache = QuoteCache(source, self.clock, wall_ms=wall_ms)
        self._skew_ms = skew_ms

    @property
    def now_ms(self) -> int:
        return EPOCH_MS + round(self.clock.seconds() * 1000)

    def fetch(self, there_ms: int, back_ms: int) -> list[object]:
        """Ask; the server answers after `there_ms`, and the answer takes `back_ms`."""
        outcome = outcome_of(self.cache.get("ABC", "ann"))
        self.clock.advance(there_ms / 1000)
        quote = Quote("ABC", 1234, self.now_ms + self._skew_ms, "a2V5", "ann")
        self.clock.advance(back_ms / 1000)
        self.endpoint.attempts[-1].answer(answer_line(quote))
        self.clock.advance(0)
        return outcome


skews = st.integers(-TOLERANCE_MS, TOLERANCE_MS)
ways = st.integers(0, 2_000)


@given(skews, ways, ways, st.integers(0, 70_000))
def test_no_price_is_given_out_that_is_too_old_by_the_servers_clock_or_by_ours(
    skew_ms: int, there_ms: int, back_ms: int, later_ms: int
) -> None:
    chain = Chain(skew_ms)
    (quote,) = chain.fetch(there_ms, back_ms)
    assert isinstance(quote, Quote)
    chain.clock.advance(later_ms / 1000)
    given_out = chain.cache.fresh("ABC")
    made_ms = quote.quoted_ms - skew_ms
    if given_out is not None:
        assert chain.now_ms - made_ms <= QUOTE_TTL_MS
        assert chain.now_ms - quote.quoted_ms <= QUOTE_TTL_MS
    else:
        assert chain.now_ms - made_ms > QUOTE_TTL_MS - TOLERANCE_MS - 2_000


@given(skews, ways, ways)
def test_the_skew_that_is_measured_is_never_more_than_there_is(
    skew_ms: int, there_ms: int, back_ms: int
) -> None:
    chain = Chain(skew_ms)
    chain.fetch(there_ms, back_ms)
    measured_ms = chain.client.counters.skew_ms
    assert measured_ms * skew_ms >= 0
    assert abs(skew_ms) - there_ms - back_ms <= abs(measured_ms) <= abs(skew_ms)


@pytest.mark.parametrize("skew_ms", [-TOLERANCE_MS - 1, TOLERANCE_MS + 1, -3_600_000, 3_600_000])
def test_an_absurd_time_is_refused(skew_ms: int) -> None:
    chain = Chain(skew_ms)
    chain.fetch(0, 0)
    assert chain.client.counters.refused == {Refusal.CLOCK: 1}
    assert chain.client.counters.skew_ms == skew_ms
    assert chain.cache.fresh("ABC") is None


@pytest.mark.parametrize("skew_ms", [-TOLERANCE_MS, -1, 0, 1, TOLERANCE_MS])
def test_a_skew_within_the_bound_is_taken(skew_ms: int) -> None:
    (quote,) = Chain(skew_ms).fetch(0, 0)
    assert not isinstance(quote, QuoteUnavailable)
