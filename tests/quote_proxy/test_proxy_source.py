"""Prices from several proxies: whose symbol it is, and what becomes of it when one is lost."""

from random import Random

import pytest
from twisted.internet.defer import Deferred

from protocol.quote import Quote
from quote_proxy.cache import QuoteCache
from quote_proxy.proxy import QuoteProxy
from quote_proxy.proxy_source import ProxySource
from quote_proxy.source import HeldQuote, QuoteUnavailable, Refusal
from service.balancer import Balancer
from service.server import WireServerFactory
from tests.quote_proxy.links import outcome_of, wall_of
from tests.quote_proxy.prices import ManualSource, quote_now
from tests.service.links import BoundedClock, MemoryEndpoint
from tests.service.premises import VERIFIERS, credential

NAMES = ("quotes-1", "quotes-2")
RECONNECT_S = 4.0
"""Longer than any pause between two attempts to connect."""


class ProxyInMemory:
    """A whole proxy behind an endpoint, and what its legacy server is asked."""

    def __init__(self, clock: BoundedClock, name: str) -> None:
        self.legacy = ManualSource()
        cache = QuoteCache(self.legacy, clock, wall_ms=wall_of(clock))
        self.proxy = QuoteProxy(clock, cache, Random(1))
        self.factory = WireServerFactory(clock, name, self.proxy, VERIFIERS, b"decoy")
        self.endpoint = MemoryEndpoint(clock, self.factory)

    def go_down(self) -> None:
        """Lose the connection, and take no other."""
        self.endpoint.is_down = True
        self.endpoint.clients[-1].abortConnection()


class Street:
    """Two proxies, a source that knows both, and the legacy server behind it."""

    def __init__(self) -> None:
        self.clock = BoundedClock()
        self.proxies = {name: ProxyInMemory(self.clock, name) for name in NAMES}
        self.fallback = ManualSource()
        self.news: list[HeldQuote] = []
        endpoints = {name: proxy.endpoint for name, proxy in self.proxies.items()}
        self.source = ProxySource(
            self.clock, endpoints, credential("node-1"), lambda: 0.5, self.fallback
        )
        self.source.on_news = self.news.append

    def start(self) -> None:
        self.source.start()
        self.turn()

    def turn(self) -> None:
        """Let everything happen that needs no time to pass."""
        self.clock.advance(0)

    def fetch(self, symbol: str) -> list[object]:
        outcome = outcome_of(self.source.fetch(symbol, "ann", 7))
        self.turn()
        return outcome

    def watch(self, *symbols: str) -> None:
        for symbol in symbols:
            self.source.watch(symbol, "ann", 7)
        self.turn()

    def answer(self, name: str, symbol: str, price_cents: int = 100) -> Quote:
        """Let a proxy's legacy server answer."""
        quote = quote_now(self.clock, symbol, price_cents)
        self.proxies[name].legacy.answer(quote)
        self.turn()
        return quote

    def asked(self, name: str) -> list[str]:
        """What a proxy has asked the legacy server for."""
        return self.proxies[name].legacy.symbols

    def lose(self, *names: str) -> None:
        for name in names:
            self.proxies[name].go_down()
        self.turn()

    def restore(self, *names: str) -> None:
        for name in names:
            self.proxies[name].endpoint.is_down = False
        self.clock.pass_time(RECONNECT_S)

    @property
    def prices(self) -> list[int]:
        """The news, in order."""
        return [held.quote.price_cents for held in self.news]


@pytest.fixture
def street() -> Street:
    street = Street()
    street.start()
    return street


def symbols_of(name: str, count: int = 3) -> list[str]:
    """Some symbols that belong to a proxy while both are up."""
    letters = [chr(ord("A") + n) for n in range(26)]
    symbols = [one + two for one in letters for two in letters]
    balancer = Balancer(NAMES)
    return [symbol for symbol in symbols if balancer.node_for(symbol) == name][:count]


MINE, THEIRS = symbols_of("quotes-1"), symbols_of("quotes-2")


class TestAsking:
    """Fetches."""

    def test_each_symbol_is_asked_for_at_the_proxy_it_belongs_to(self, street: Street) -> None:
        for symbol in MINE + THEIRS:
            street.fetch(symbol)
        assert (street.asked("quotes-1"), street.asked("quotes-2")) == (MINE, THEIRS)
        assert street.fallback.asked == []

    def test_the_answer_is_the_price_and_how_long_the_proxy_may_still_use_it(
        self, street: Street
    ) -> None:
        street.fetch(MINE[0])
        quote = street.answer("quotes-1", MINE[0])
        street.clock.advance(1.0)
        assert street.fetch(MINE[0]) == [HeldQuote(quote, 59_000)]
        assert street.proxies["quotes-1"].legacy.asked == [(MINE[0], "ann", 7)]

    def test_the_symbols_of_a_lost_proxy_move_and_those_of_the_other_stay(
        self, street: Street
    ) -> None:
        street.lose("quotes-1")
        for symbol in MINE + THEIRS:
            street.fetch(symbol)
        assert street.asked("quotes-2") == MINE + THEIRS
        street.restore("quotes-1")
        street.fetch(MINE[0])
        assert street.asked("quotes-1") == MINE[:1]

    def test_what_waits_when_the_connection_ends_is_asked_for_elsewhere(
        self, street: Street
    ) -> None:
        outcome = street.fetch(MINE[0])
        street.lose("quotes-1")
        assert outcome == []
        quote = street.answer("quotes-2", MINE[0])
        assert outcome == [HeldQuote(quote, 60_000)]

    def test_without_a_proxy_the_legacy_server_is_asked(self, street: Street) -> None:
        outcome = street.fetch(MINE[0])
        street.lose(*NAMES)
        assert street.fallback.asked == [(MINE[0], "ann", 7)]
        quote = quote_now(street.clock, MINE[0])
        street.fallback.answer(quote)
        assert outcome == [HeldQuote(quote, 60_000)]

    def test_before_it_is_connected_the_legacy_server_is_asked(self) -> None:
        street = Street()
        street.fetch("ABC")
        assert street.fallback.symbols == ["ABC"]

    @pytest.mark.parametrize("reason", [Refusal.TIMEOUT, Refusal.OUTAGE, Refusal.PRICE])
    def test_a_refusal_passes_through_and_nobody_else_is_asked(
        self, street: Street, reason: Refusal
    ) -> None:
        outcome = street.fetch(MINE[0])
        street.proxies["quotes-1"].legacy.fail(MINE[0], reason)
        street.turn()
        (error,) = outcome
        assert isinstance(error, QuoteUnavailable)
        assert error.reason is reason
        assert street.asked("quotes-2") == street.fallback.symbols == []


class TestWatching:
    """Prices that are pushed."""

    def test_each_new_price_of_what_is_watched_is_news_and_of_nothing_else(
        self, street: Street
    ) -> None:
        street.watch(MINE[0], THEIRS[0])
        street.fetch(MINE[1])
        street.answer("quotes-1", MINE[1], 99)
        street.answer("quotes-1", MINE[0], 101)
        street.answer("quotes-2", THEIRS[0], 102)
        assert street.prices == [101, 102]
        assert street.news[0].usable_ms == 60_000

    def test_what_is_watched_no_more_is_no_news(self, street: Street) -> None:
        street.watch(MINE[0])
        street.source.unwatch(MINE[0])
        street.turn()
        street.answer("quotes-1", MINE[0])
        assert street.news == []
        street.clock.pass_time(120.0)
        assert street.asked("quotes-1") == MINE[:1]

    def test_a_passive_watch_asks_for_nothing_wherever_it_moves(self, street: Street) -> None:
        street.source.watch(MINE[0], "ann", 7, passive=True)
        street.turn()
        street.lose("quotes-1")
        assert street.asked("quotes-1") == street.asked("quotes-2") == []
        street.fetch(MINE[0])
        street.answer("quotes-2", MINE[0], 101)
        assert street.prices == [101]

    def test_the_watches_of_a_lost_proxy_move(self, street: Street) -> None:
        street.watch(*MINE, *THEIRS)
        street.lose("quotes-1")
        assert sorted(street.asked("quotes-2")) == sorted(MINE + THEIRS)
        for price_cents, symbol in enumerate(MINE, 101):
            street.answer("quotes-2", symbol, price_cents)
        assert street.prices == [101, 102, 103]

    def test_they_move_back_and_the_other_proxy_fetches_them_no_more(self, street: Street) -> None:
        street.watch(MINE[0])
        street.lose("quotes-1")
        street.answer("quotes-2", MINE[0], 101)
        street.restore("quotes-1")
        street.answer("quotes-1", MINE[0], 102)
        street.clock.pass_time(120.0)
        assert street.prices == [101, 102]
        assert street.asked("quotes-1") == MINE[:1] * 2
        assert street.asked("quotes-2") == MINE[:1]

    def test_watches_are_sent_again_when_a_proxy_is_back(self, street: Street) -> None:
        street.lose(*NAMES)
        street.watch(MINE[0], THEIRS[0])
        street.restore(*NAMES)
        street.answer("quotes-1", MINE[0], 101)
        street.answer("quotes-2", THEIRS[0], 102)
        assert street.prices[-2:] == [101, 102]
        assert street.fallback.asked == []


def test_stopped_it_lets_go_of_the_proxies_and_connects_no_more(street: Street) -> None:
    stopped = outcome_of(Deferred.fromCoroutine(street.source.stop()))
    street.turn()
    assert stopped == [None]
    attempts = [len(proxy.endpoint.attempts) for proxy in street.proxies.values()]
    street.clock.pass_time(RECONNECT_S)
    assert [len(proxy.endpoint.attempts) for proxy in street.proxies.values()] == attempts
    assert not any(proxy.factory.protocols for proxy in street.proxies.values())
