"""The quote cache: one fetch per symbol and window, and no price past its time."""

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher

from protocol.quote import Quote
from quote_proxy.cache import QuoteCache
from quote_proxy.source import HeldQuote, QuoteUnavailable, Refusal
from tests.quote_proxy.links import EPOCH_MS, outcome_of, wall_of


class ManualSource:
    """A source whose fetches the test settles one by one."""

    def __init__(self) -> None:
        self.fetches: list[tuple[str, str, Deferred[Quote]]] = []

    def fetch(
        self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
    ) -> Deferred[Quote]:
        fetch: Deferred[Quote] = Deferred()
        self.fetches.append((symbol, user, fetch))
        return fetch


class Bench:
    """A cache, its clock and the fetches it makes."""

    def __init__(self, symbols_max: int = 20_000) -> None:
        self.clock = Clock()
        self.source = ManualSource()
        self.fetches = self.source.fetches
        self.cache = QuoteCache(
            self.source, self.clock, wall_ms=wall_of(self.clock), symbols_max=symbols_max
        )

    def quote(self, symbol: str = "ABC", age_ms: int = 0, price_cents: int = 1234) -> Quote:
        """A quote that is `age_ms` old now."""
        quoted_ms = EPOCH_MS + round(self.clock.seconds() * 1000) - age_ms
        return Quote(symbol, price_cents, quoted_ms, "a2V5", "ann")

    def get(self, symbol: str = "ABC", user: str = "ann") -> list[object]:
        return outcome_of(self.cache.get(symbol, user))

    def answer(self, quote: Quote | Exception, number: int = -1) -> None:
        """Settle a fetch and let the waiters be told."""
        fetch = self.fetches[number][2]
        if isinstance(quote, Quote):
            fetch.callback(quote)
        else:
            fetch.errback(quote)
        self.clock.advance(0)

    def hold(self, quote: Quote) -> None:
        """Bring a price into the cache."""
        self.get(quote.symbol)
        self.answer(quote)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def reason_of(outcome: list[object]) -> Refusal:
    (error,) = outcome
    assert isinstance(error, QuoteUnavailable)
    return error.reason


def test_five_hundred_waiters_cost_one_fetch_and_fire_in_the_order_they_asked(
    bench: Bench,
) -> None:
    fired: list[int] = []

    def note(_: Quote, number: int) -> None:
        fired.append(number)

    for number in range(500):
        waiter = bench.cache.get("ABC", f"user{number}")
        waiter.addCallback(note, number)
    quote = bench.quote()
    bench.fetches[0][2].callback(quote)
    assert fired == []
    bench.clock.advance(0)
    assert fired == list(range(500))
    assert [(symbol, user) for symbol, user, _ in bench.fetches] == [("ABC", "user0")]
    assert (bench.cache.counters.coalesced, bench.cache.counters.fetched) == (499, 1)


def test_each_symbol_is_fetched_for_itself(bench: Bench) -> None:
    first, second = bench.get("ABC"), bench.get("ABD")
    bench.answer(bench.quote("ABD"), 1)
    assert (first, second) == ([], [bench.quote("ABD")])


def test_a_held_price_is_given_at_once_and_to_anyone(bench: Bench) -> None:
    quote = bench.quote()
    bench.hold(quote)
    assert bench.get(user="bob") == [quote]
    assert bench.cache.fresh("ABC") == quote
    assert bench.cache.counters.fresh == 2
    assert len(bench.fetches) == 1


@pytest.mark.parametrize("later_s", [59.9, 60.0])
def test_a_price_is_usable_until_it_is_sixty_seconds_old(bench: Bench, later_s: float) -> None:
    quote = bench.quote()
    bench.hold(quote)
    bench.clock.advance(later_s)
    assert bench.get() == [quote]
    assert len(bench.fetches) == 1


def test_a_price_older_than_sixty_seconds_is_fetched_anew(bench: Bench) -> None:
    bench.hold(bench.quote())
    bench.clock.advance(60.001)
    assert bench.cache.fresh("ABC") is None
    outcome = bench.get()
    assert outcome == []
    renewed = bench.quote(price_cents=999)
    bench.answer(renewed)
    assert outcome == [renewed]
    bench.clock.advance(60.0)
    assert bench.cache.fresh("ABC") == renewed


@pytest.mark.parametrize(("later_s", "usable"), [(55.0, True), (55.001, False)])
def test_validity_counts_from_the_quote_servers_own_time(
    bench: Bench, later_s: float, usable: bool
) -> None:
    """An answer that was five seconds on its way has fifty-five left."""
    bench.hold(bench.quote(age_ms=5_000))
    bench.clock.advance(later_s)
    assert (bench.cache.fresh("ABC") is not None) is usable


@pytest.mark.parametrize(("later_s", "usable"), [(60.0, True), (60.001, False)])
def test_a_time_ahead_of_ours_earns_no_longer_validity(
    bench: Bench, later_s: float, usable: bool
) -> None:
    bench.hold(bench.quote(age_ms=-3_000))
    bench.clock.advance(later_s)
    assert (bench.cache.fresh("ABC") is not None) is usable


def test_an_answer_exactly_sixty_seconds_old_is_usable_at_that_moment(bench: Bench) -> None:
    outcome = bench.get()
    quote = bench.quote(age_ms=60_000)
    bench.answer(quote)
    assert outcome == [quote]
    bench.clock.advance(0.001)
    assert bench.cache.fresh("ABC") is None


@pytest.mark.parametrize(
    ("symbol", "age_ms", "price_cents", "reason"),
    [
        ("ABC", 60_001, 1234, Refusal.EXPIRED),
        ("ABD", 0, 1234, Refusal.SYMBOL),
        ("ABC", 0, 0, Refusal.PRICE),
        ("ABC", 0, -1234, Refusal.PRICE),
    ],
)
def test_an_answer_that_may_not_decide_a_trade_fails_its_waiters_and_is_not_held(
    bench: Bench, symbol: str, age_ms: int, price_cents: int, reason: Refusal
) -> None:
    outcome = bench.get("ABC")
    bench.answer(bench.quote(symbol, age_ms, price_cents))
    assert reason_of(outcome) is reason
    assert bench.cache.fresh("ABC") is None
    assert bench.cache.fresh("ABD") is None
    assert (bench.cache.counters.fetched, bench.cache.counters.failed) == (0, 1)


def test_a_jump_of_the_wall_clock_does_not_make_a_held_price_older_or_younger() -> None:
    clock, source = Clock(), ManualSource()
    wall = [EPOCH_MS]
    cache = QuoteCache(source, clock, wall_ms=lambda: wall[0])
    outcome_of(cache.get("ABC", "ann"))
    source.fetches[0][2].callback(Quote("ABC", 1234, EPOCH_MS, "a2V5", "ann"))
    wall[0] += 3_600_000
    clock.advance(60.0)
    assert cache.fresh("ABC") is not None
    wall[0] -= 7_200_000
    clock.advance(0.001)
    assert cache.fresh("ABC") is None


def test_a_failure_fails_every_waiter_with_an_error_of_its_own_and_is_forgotten(
    bench: Bench,
) -> None:
    outcomes = [bench.get() for _ in range(3)]
    bench.fetches[0][2].errback(QuoteUnavailable(Refusal.TIMEOUT))
    assert outcomes == [[], [], []]
    retry = bench.get()
    assert len(bench.fetches) == 2
    bench.clock.advance(0)
    assert [reason_of(outcome) for outcome in outcomes] == [Refusal.TIMEOUT] * 3
    assert len({id(error) for (error,) in outcomes}) == 3
    bench.answer(bench.quote())
    assert retry == [bench.quote()]


def test_a_source_that_breaks_is_logged_and_reads_as_a_missing_price(bench: Bench) -> None:
    observer = EventLoggingObserver()
    globalLogPublisher.addObserver(observer)
    try:
        outcome = bench.get()
        bench.answer(RuntimeError("a fault of our own"))
    finally:
        globalLogPublisher.removeObserver(observer)
    assert reason_of(outcome) is Refusal.INTERNAL
    assert [event["log_failure"].type for event in observer] == [RuntimeError]


def test_one_cancelled_waiter_of_three_leaves_the_other_two_their_price(bench: Bench) -> None:
    waiters = [bench.cache.get("ABC", "ann") for _ in range(3)]
    outcomes = [outcome_of(waiter) for waiter in waiters]
    waiters[0].cancel()
    quote = bench.quote()
    bench.answer(quote)
    assert isinstance(outcomes[0][0], CancelledError)
    assert outcomes[1:] == [[quote], [quote]]
    assert len(bench.fetches) == 1


def test_a_waiter_cancelled_between_the_answer_and_its_turn_is_left_out(bench: Bench) -> None:
    leaving, staying = bench.cache.get("ABC", "ann"), bench.cache.get("ABC", "ann")
    left, stayed = outcome_of(leaving), outcome_of(staying)
    quote = bench.quote()
    bench.fetches[0][2].callback(quote)
    leaving.cancel()
    bench.clock.advance(0)
    assert isinstance(left[0], CancelledError)
    assert stayed == [quote]


def test_a_waiter_may_cancel_another_while_it_is_told(bench: Bench) -> None:
    first, second = bench.cache.get("ABC", "ann"), bench.cache.get("ABC", "ann")
    outcome = outcome_of(second)
    first.addCallback(lambda _: second.cancel())
    bench.answer(bench.quote())
    assert len(outcome) == 1
    assert isinstance(outcome[0], CancelledError)


def test_a_price_is_kept_even_if_everyone_has_left(bench: Bench) -> None:
    """It is paid for."""
    waiter = bench.cache.get("ABC", "ann")
    outcome_of(waiter)
    waiter.cancel()
    assert not bench.fetches[0][2].called
    quote = bench.quote()
    bench.answer(quote)
    assert bench.get("ABC", "bob") == [quote]
    assert len(bench.fetches) == 1


def test_who_comes_after_everyone_left_joins_the_fetch_under_way(bench: Bench) -> None:
    waiter = bench.cache.get("ABC", "ann")
    outcome_of(waiter)
    waiter.cancel()
    outcome = bench.get("ABC", "bob")
    quote = bench.quote()
    bench.answer(quote)
    assert outcome == [quote]
    assert len(bench.fetches) == 1


def test_a_source_that_answers_at_once_is_asked_once(bench: Bench) -> None:
    """The waiter is in place before the source is asked."""

    class PromptSource:
        asked = 0

        def fetch(
            self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
        ) -> Deferred[Quote]:
            self.asked += 1
            prompt: Deferred[Quote] = Deferred()
            prompt.callback(bench.quote(symbol))
            return prompt

    source = PromptSource()
    cache = QuoteCache(source, bench.clock, wall_ms=wall_of(bench.clock))
    first, second = outcome_of(cache.get("ABC", "ann")), outcome_of(cache.get("ABC", "bob"))
    bench.clock.advance(0)
    assert first == second == [bench.quote()]
    assert source.asked == 1


def test_the_price_held_longest_makes_room() -> None:
    bench = Bench(symbols_max=2)
    bench.hold(bench.quote("A", age_ms=59_000))
    bench.hold(bench.quote("B"))
    bench.clock.advance(2.0)
    bench.hold(bench.quote("A"))
    bench.hold(bench.quote("C"))
    assert [bench.cache.fresh(symbol) is not None for symbol in "ABC"] == [True, False, True]


class TestMargin:
    """A price is to be usable still when what it decides is committed."""

    @pytest.mark.parametrize(("later_s", "usable"), [(59.5, True), (59.625, False)])
    def test_a_price_that_lapses_within_the_margin_is_not_given_out(
        self, later_s: float, usable: bool
    ) -> None:
        clock, source = Clock(), ManualSource()
        cache = QuoteCache(source, clock, wall_ms=wall_of(clock), margin_s=0.5)
        cache.offer(HeldQuote(Quote("ABC", 1234, EPOCH_MS, "a2V5", "ann"), 60_000))
        clock.advance(later_s)
        assert (cache.fresh("ABC") is not None) is usable
        outcome_of(cache.get("ABC", "ann"))
        assert len(source.fetches) == (not usable)


class TestOffers:
    """Prices that nobody here has asked for."""

    def test_an_offered_price_is_held_for_as_long_as_it_was_said_to_be_usable(
        self, bench: Bench
    ) -> None:
        quote = bench.quote()
        bench.cache.offer(HeldQuote(quote, 30_000))
        assert bench.get() == [quote]
        bench.clock.advance(30.0)
        assert bench.cache.fresh("ABC") == quote
        bench.clock.advance(0.001)
        assert bench.cache.fresh("ABC") is None

    @pytest.mark.parametrize(("usable_ms", "taken"), [(39_999, 0), (40_000, 0), (40_001, 1)])
    def test_it_is_taken_only_if_it_lasts_longer_than_the_one_that_is_held(
        self, bench: Bench, usable_ms: int, taken: int
    ) -> None:
        held, offered = bench.quote(), bench.quote(price_cents=999)
        bench.hold(held)
        bench.clock.advance(20.0)
        told: list[Quote] = []
        bench.cache.on_new = told.append
        bench.cache.offer(HeldQuote(offered, usable_ms))
        assert told == [offered] * taken
        assert bench.cache.fresh("ABC") == (held, offered)[taken]


class TestRefreshing:
    """A new price is fetched while the old one still serves."""

    def test_the_held_price_serves_until_the_new_one_is_there(self, bench: Bench) -> None:
        old, new = bench.quote(), bench.quote(price_cents=999)
        bench.hold(old)
        bench.cache.refresh("ABC", "ann")
        assert bench.get() == [old]
        bench.answer(new)
        assert bench.get() == [new]
        assert len(bench.fetches) == 2

    def test_refreshes_and_those_who_wait_share_one_fetch(self, bench: Bench) -> None:
        bench.cache.refresh("ABC", "ann")
        bench.cache.refresh("ABC", "ann")
        outcome = bench.get()
        assert len(bench.fetches) == 1
        quote = bench.quote()
        bench.answer(quote)
        assert outcome == [quote]

    def test_one_that_fails_leaves_the_held_price_and_is_told(self, bench: Bench) -> None:
        old = bench.quote()
        bench.hold(old)
        failed: list[str] = []
        bench.cache.on_failed = failed.append
        bench.cache.refresh("ABC", "ann")
        bench.answer(QuoteUnavailable(Refusal.TIMEOUT))
        assert failed == ["ABC"]
        assert bench.cache.fresh("ABC") == old


@pytest.mark.parametrize(("age_ms", "left_ms"), [(0, 10_000), (55_000, 5_000)])
def test_a_price_that_somebody_held_for_us_lasts_no_longer_than_he_said_or_its_own_time(
    bench: Bench, age_ms: int, left_ms: int
) -> None:
    bench.get()
    held: Deferred[HeldQuote] = bench.fetches[0][2]  # type: ignore[assignment]
    held.callback(HeldQuote(bench.quote(age_ms=age_ms), 10_000))
    assert bench.cache.usable_ms("ABC") == left_ms
