"""The watch: each symbol that triggers wait for is asked for once per window, and no other."""

import pytest
from twisted.internet.task import Clock

from ledger.account import Side
from ledger.store import ArmedTrigger
from protocol.quote import Quote
from quote_proxy.cache import QuoteCache
from quote_proxy.source import HeldQuote
from tests.quote_proxy.feed import FeedDouble
from tests.trigger.floor import START_MS
from tests.trigger.price_board import PriceBoard
from trigger.watch import RETRY_S, PriceWatch

WINDOW_S = 60.0
AFTER_WINDOW_S = 0.01


class Watched:
    """A watch before a board, and what it was told.

    :ivar oldest: in whose name each symbol is asked for; others nobody waits for.
    """

    def __init__(self, **prices: int) -> None:
        self.clock = Clock()
        self.board = PriceBoard(self.clock, self.now_ms, prices)
        self.oldest = {
            symbol: ArmedTrigger(symbol, Side.BUY, 1, "ann", 0, number)
            for number, symbol in enumerate(prices, 1)
        }
        self.cache = QuoteCache(self.board, self.clock, wall_ms=self.now_ms)
        self.feed = FeedDouble()
        self.prices: list[int] = []
        self.watch = PriceWatch(self.clock, self.cache, self.feed, self.oldest.get)
        self.cache.on_new = self._price_came

    def now_ms(self) -> int:
        return START_MS + round(self.clock.seconds() * 1000)

    def _price_came(self, quote: Quote) -> None:
        self.watch.new_price(quote)
        self.prices.append(quote.price_cents)

    def advance(self, *spans_s: float) -> None:
        """Let time pass; before and after each span what is due without any comes in."""
        for span_s in (0.0, *spans_s):
            self.clock.pump([span_s, 0.0, 0.0])

    @property
    def asked(self) -> list[str]:
        return [symbol for symbol, _ in self.board.asked]


@pytest.fixture
def watched(failures: list[str]) -> Watched:
    return Watched(ABC=100, XYZ=200)


def test_a_symbol_is_asked_for_at_once_in_the_name_of_the_oldest_trigger(watched: Watched) -> None:
    watched.watch.want("XYZ")
    assert watched.board.asked == [("XYZ", "ann")]
    watched.advance()
    assert watched.prices == [200]


def test_it_is_asked_for_again_as_soon_as_the_price_has_lapsed_and_not_before(
    watched: Watched,
) -> None:
    watched.watch.want("ABC")
    watched.advance(WINDOW_S)
    assert watched.asked == ["ABC"]
    watched.board.prices["ABC"] = 101
    watched.advance(AFTER_WINDOW_S)
    assert watched.asked == ["ABC", "ABC"]
    assert watched.prices == [100, 101]
    watched.advance(WINDOW_S, AFTER_WINDOW_S)
    assert len(watched.asked) == 3


def test_a_price_that_was_old_when_it_came_is_asked_for_again_sooner(watched: Watched) -> None:
    """The window is that of the quote server's own time."""
    old = Quote("ABC", 99, START_MS - 20_000, "old=", "bob")
    watched.board.answer_with = old
    watched.watch.want("ABC")
    watched.advance(WINDOW_S - 20)
    assert watched.asked == ["ABC"]
    watched.advance(AFTER_WINDOW_S)
    assert watched.asked == ["ABC", "ABC"]


def test_wanting_it_again_asks_no_more_often(watched: Watched) -> None:
    watched.board.delay_s = 5.0
    for _ in range(3):
        watched.watch.want("ABC")
        watched.advance(4.0)
    watched.watch.want("ABC")
    assert watched.asked == ["ABC"]


def test_a_price_that_somebody_else_has_just_fetched_costs_no_hit(watched: Watched) -> None:
    watched.cache.get("ABC", "bob")
    watched.advance(30.0)
    watched.watch.want("ABC")
    assert watched.board.asked == [("ABC", "bob")]
    watched.advance(30.0, AFTER_WINDOW_S)
    assert watched.board.asked == [("ABC", "bob"), ("ABC", "ann")]


def test_a_symbol_that_nobody_waits_for_is_not_asked_for(watched: Watched) -> None:
    watched.watch.want("NON")
    watched.watch.want("ABC")
    watched.advance()
    del watched.oldest["ABC"]
    watched.advance(WINDOW_S, AFTER_WINDOW_S, WINDOW_S)
    assert watched.asked == ["ABC"]
    assert watched.clock.getDelayedCalls() == []


def test_a_symbol_is_watched_again_when_somebody_waits_for_it_again(watched: Watched) -> None:
    watched.watch.want("ABC")
    trigger = watched.oldest.pop("ABC")
    watched.advance(WINDOW_S, AFTER_WINDOW_S)
    watched.oldest["ABC"] = trigger
    watched.watch.want("ABC")
    assert watched.asked == ["ABC", "ABC"]


def test_a_price_that_is_not_to_be_had_is_asked_for_again_after_a_pause(watched: Watched) -> None:
    watched.board.silent.add("ABC")
    watched.watch.want("ABC")
    watched.watch.want("XYZ")
    watched.advance(RETRY_S - 0.25)
    assert watched.asked == ["ABC", "XYZ"]
    watched.board.silent.clear()
    watched.advance(0.25)
    assert watched.asked == ["ABC", "XYZ", "ABC"]
    assert watched.prices == [200, 100]


def test_wanting_it_during_the_pause_does_not_cut_the_pause_short(watched: Watched) -> None:
    watched.board.silent.add("ABC")
    watched.watch.want("ABC")
    watched.advance(RETRY_S - 0.25)
    watched.watch.want("ABC")
    assert watched.asked == ["ABC"]


def test_it_watches_on_when_a_price_brings_its_listener_into_trouble(
    watched: Watched, failures: list[str]
) -> None:
    watched.watch.want("ABC")
    watched.prices = None  # type: ignore[assignment]
    watched.advance()
    assert len(failures) == 1
    failures.clear()
    watched.prices = []
    watched.advance(WINDOW_S, AFTER_WINDOW_S)
    assert watched.prices == [100]


def test_a_stopped_watch_leaves_no_question_and_no_timer_behind(watched: Watched) -> None:
    watched.watch.want("ABC")
    watched.advance()
    watched.board.delay_s = 5.0
    watched.watch.want("XYZ")
    watched.watch.stop()
    watched.watch.want("ABC")
    watched.advance(5.0)
    assert watched.asked == ["ABC", "XYZ"]
    assert watched.prices == [100, 200], "what is paid for is still told"
    assert watched.clock.getDelayedCalls() == []


def test_the_feed_is_asked_to_push_what_triggers_wait_for_and_no_longer_than_they_do(
    watched: Watched,
) -> None:
    watched.watch.want("XYZ")
    watched.watch.want("XYZ")
    assert watched.feed.watched == {"XYZ": ("ann", 2)}
    watched.advance(WINDOW_S)
    del watched.oldest["XYZ"]
    watched.watch.want("ABC")
    watched.advance(AFTER_WINDOW_S)
    assert watched.feed.changes == ["XYZ", "ABC", "-XYZ"]


def test_prices_that_are_pushed_in_time_cost_no_question(watched: Watched) -> None:
    watched.watch.want("ABC")
    watched.advance()
    for price_cents in range(101, 110):
        watched.advance(WINDOW_S - 5.0)
        pushed = Quote("ABC", price_cents, watched.now_ms(), f"{price_cents}=", "eve")
        watched.cache.offer(HeldQuote(pushed, 60_000))
    assert watched.prices == [100, *range(101, 110)]
    assert watched.asked == ["ABC"]
    watched.advance(WINDOW_S, AFTER_WINDOW_S)
    assert watched.asked == ["ABC", "ABC"]
