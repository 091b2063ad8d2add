"""The quote proxy: one fetch for all who ask, and each new price told once to all who watch."""

from random import Random

import pytest
from twisted.internet.task import Clock

from protocol.authentication import AccessRole
from protocol.errors import Code
from protocol.messages import Add, GetPrice, Message, Price, Watching, WatchPrice
from protocol.quote import Quote
from quote_proxy.ahead import AHEAD_S_MAX
from quote_proxy.cache import QuoteCache
from quote_proxy.demand import PAUSE_S
from quote_proxy.proxy import QuoteProxy
from quote_proxy.source import Refusal
from tests.quote_proxy.links import wall_of
from tests.quote_proxy.prices import LinkDouble, ManualSource, quote_now


class Post:
    """A proxy before a source that the test answers for, and two links to it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.source = ManualSource()
        self.cache = QuoteCache(self.source, self.clock, wall_ms=wall_of(self.clock))
        self.proxy = QuoteProxy(self.clock, self.cache, Random(1))
        self.one, self.two = LinkDouble(), LinkDouble()
        self._made_ids = 0

    def ask(self, link: LinkDouble, request: Message) -> bytes:
        """Let a link send a request, and return the request's id."""
        self._made_ids += 1
        request_id = self._made_ids.to_bytes(16, "big")
        self.proxy.request_received(link, request_id, request)
        return request_id

    def answer(self, price_cents: int = 1234, symbol: str = "ABC") -> Quote:
        """Answer a fetch with a price of now, and let all be told."""
        quote = quote_now(self.clock, symbol, price_cents)
        self.source.answer(quote)
        self.clock.advance(0)
        return quote


@pytest.fixture
def post() -> Post:
    return Post()


def get(symbol: str = "ABC", user: str = "ann", ahead: bool = False) -> GetPrice:
    return GetPrice(user, symbol, 7, ahead)


def watch(symbol: str = "ABC", wanted: bool = True, passive: bool = False) -> WatchPrice:
    return WatchPrice("ann", symbol, 7, wanted, passive)


def told(link: LinkDouble) -> list[int]:
    """The prices pushed to a link, in order."""
    return [message.price_cents for _, message in link.pushed if isinstance(message, Price)]


def test_five_hundred_who_wait_at_two_links_cost_one_fetch_and_each_is_answered(
    post: Post,
) -> None:
    asked: dict[int, list[bytes]] = {0: [], 1: []}
    for number in range(500):
        link = (post.one, post.two)[number % 2]
        asked[number % 2].append(post.ask(link, get(user=f"u{number}")))
    assert post.source.asked == [("ABC", "u0", 7)]
    quote = post.answer()
    price = Price("ABC", 1234, quote.quoted_ms, quote.cryptokey, "ann", 60_000)
    assert post.one.replies == [(request_id, price) for request_id in asked[0]]
    assert post.two.replies == [(request_id, price) for request_id in asked[1]]


def test_a_held_price_is_answered_at_once_with_the_time_that_is_left(post: Post) -> None:
    post.ask(post.one, get())
    post.answer()
    post.clock.advance(20.0)
    post.ask(post.two, get())
    ((_, price),) = post.two.replies
    assert isinstance(price, Price)
    assert price.usable_ms == 40_000
    assert post.source.symbols == ["ABC"]


@pytest.mark.parametrize("reason", [Refusal.TIMEOUT, Refusal.OUTAGE, Refusal.PRICE])
def test_a_price_that_is_not_to_be_had_is_refused_with_its_reason(
    post: Post, reason: Refusal
) -> None:
    post.ask(post.one, get())
    post.source.fail("ABC", reason)
    post.clock.advance(0)
    error = post.one.last_error
    assert (error.code, error.message) == (Code.QUOTE_UNAVAILABLE, reason.value)


@pytest.mark.parametrize("role", AccessRole)
def test_prices_are_for_nodes_and_administrators(post: Post, role: AccessRole) -> None:
    link = LinkDouble(role)
    for request in (get(), watch()):
        post.ask(link, request)
    if role in (AccessRole.NODE, AccessRole.ADMINISTRATOR):
        assert [message for _, message in link.replies] == [Watching("ABC", True)]
        assert post.source.symbols == ["ABC"]
    else:
        assert [getattr(m, "code", 0) for _, m in link.replies] == [Code.NOT_PERMITTED] * 2
        assert post.source.asked == []


@pytest.mark.parametrize("symbol", ["", "ABCD", "abc", "aB", "A1", "A B"])
def test_what_cannot_be_a_symbol_is_refused_and_never_asked_for(post: Post, symbol: str) -> None:
    for request in (get(symbol), watch(symbol), watch(symbol, False)):
        post.ask(post.one, request)
        assert post.one.last_error.code == Code.BAD_SYMBOL
    assert len(post.one.replies) == 3
    assert post.source.asked == []


def test_what_is_no_question_for_prices_is_refused(post: Post) -> None:
    post.ask(post.one, Add("ann", 1, 100))
    assert post.one.last_error.code == Code.UNKNOWN_KIND


class TestAhead:
    """Nodes that hold a price which is about to lapse."""

    def test_the_next_price_is_fetched_once_and_answered_to_all(self, post: Post) -> None:
        post.ask(post.one, get())
        post.answer(101)
        post.clock.advance(60.0 - AHEAD_S_MAX)
        post.ask(post.one, get(ahead=True))
        post.ask(post.two, get(ahead=True))
        post.ask(post.two, get())
        assert [m.price_cents for _, m in post.two.replies if isinstance(m, Price)] == [101]
        post.answer(102)
        for link in (post.one, post.two):
            assert isinstance(price := link.replies[-1][1], Price)
            assert price.price_cents == 102
        assert post.source.symbols == ["ABC", "ABC"]

    def test_who_comes_later_is_answered_with_the_price_that_others_had_fetched(
        self, post: Post
    ) -> None:
        post.ask(post.one, get())
        post.answer(101)
        post.clock.advance(60.0 - AHEAD_S_MAX)
        post.ask(post.one, get(ahead=True))
        post.answer(102)
        post.ask(post.two, get(ahead=True))
        assert isinstance(price := post.two.replies[-1][1], Price)
        assert price.price_cents == 102
        assert post.source.symbols == ["ABC", "ABC"]

    def test_a_price_that_is_not_held_is_simply_fetched(self, post: Post) -> None:
        post.ask(post.one, get(ahead=True))
        post.answer(101)
        assert len(post.one.replies) == 1


class TestWatching:
    """Links that want to be told."""

    def test_each_new_price_is_told_once_and_in_order_under_the_watchs_id(self, post: Post) -> None:
        watch_id = post.ask(post.one, watch())
        assert post.one.replies == [(watch_id, Watching("ABC", True))]
        for price_cents in (101, 102, 103):
            post.answer(price_cents)
            post.clock.advance(60.0)
        assert told(post.one) == [101, 102, 103]
        assert {pushed_id for pushed_id, _ in post.one.pushed} == {watch_id}

    def test_a_price_that_is_held_is_told_at_once(self, post: Post) -> None:
        post.ask(post.one, get())
        post.answer()
        post.ask(post.two, watch())
        assert told(post.two) == [1234]
        assert post.source.symbols == ["ABC"]

    def test_all_who_watch_are_told_and_nobody_else(self, post: Post) -> None:
        post.ask(post.one, watch())
        post.ask(post.two, watch())
        post.ask(post.two, watch("XYZ"))
        post.answer(101)
        post.answer(202, "XYZ")
        assert (told(post.one), told(post.two)) == ([101], [101, 202])

    def test_who_watches_no_more_is_told_no_more(self, post: Post) -> None:
        post.ask(post.one, watch())
        post.ask(post.two, watch())
        unwatch_id = post.ask(post.one, watch(wanted=False))
        assert post.one.replies[-1] == (unwatch_id, Watching("ABC", False))
        post.answer(101)
        assert (told(post.one), told(post.two)) == ([], [101])

    def test_watching_again_is_told_under_the_newer_id_alone(self, post: Post) -> None:
        post.ask(post.one, watch())
        newer_id = post.ask(post.one, watch())
        post.answer(101)
        assert [pushed_id for pushed_id, _ in post.one.pushed] == [newer_id]

    def test_a_lost_link_is_told_nothing_and_its_symbols_are_fetched_no_more(
        self, post: Post
    ) -> None:
        for symbol in ("ABC", "XYZ"):
            post.ask(post.one, watch(symbol))
            post.answer(101, symbol)
        post.ask(post.two, watch("XYZ"))
        post.proxy.link_lost(post.one)
        post.one.pushed.clear()
        post.clock.advance(60.0)
        assert post.source.symbols == ["ABC", "XYZ", "XYZ"]
        post.answer(102, "XYZ")
        assert (told(post.one), told(post.two)) == ([], [101, 102])

    def test_a_refresh_that_fails_is_tried_again_until_there_is_a_price(self, post: Post) -> None:
        post.ask(post.one, watch())
        for _ in range(3):
            post.source.fail("ABC")
            post.clock.advance(PAUSE_S)
        post.answer(101)
        post.clock.advance(60.0)
        for _ in range(2):
            post.source.fail("ABC")
            post.clock.advance(PAUSE_S)
        post.answer(102)
        assert told(post.one) == [101, 102]

    def test_who_watches_passively_is_told_what_others_asked_for_and_causes_no_hit(
        self, post: Post
    ) -> None:
        watch_id = post.ask(post.one, watch(passive=True))
        assert post.one.replies == [(watch_id, Watching("ABC", True))]
        assert post.source.asked == []
        post.ask(post.two, get())
        post.answer(101)
        post.clock.advance(120.0)
        assert told(post.one) == [101]
        assert post.source.symbols == ["ABC"]

    def test_a_passive_watch_ends_no_active_one(self, post: Post) -> None:
        post.ask(post.one, watch(passive=True))
        post.ask(post.two, watch())
        post.answer(101)
        post.clock.advance(60.0)
        post.answer(102)
        assert told(post.one) == told(post.two) == [101, 102]
        post.ask(post.two, watch(wanted=False))
        post.clock.advance(120.0)
        assert len(post.source.asked) == 2

    def test_a_stopped_proxy_leaves_no_timer_and_fetches_no_more(self, post: Post) -> None:
        post.ask(post.one, watch())
        post.answer(101)
        post.proxy.stop()
        assert post.clock.getDelayedCalls() == []
