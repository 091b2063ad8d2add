"""What a policy of fetching prices costs in hits and gains in waiting: many windows in seconds.

Run by `make quotes-policy`; docs/adr/0009 keeps the figures. The real cache of the nodes and the
real proxy, on a simulated clock, before a quote server with the course's delays; customers ask at
random moments, seldom or often, for prices that walk. A hit is counted when it is answered, also if
nobody waits for it any more.
"""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from generator.hits import legacy_hits_minimum
from generator.latency import Latencies
from protocol.authentication import AccessRole
from protocol.codec import Framed
from protocol.messages import GetPrice, Message, Price
from protocol.quote import Quote
from quote_proxy.ahead import AheadPolicy
from quote_proxy.cache import QuoteCache
from quote_proxy.delays import course_delay
from quote_proxy.prices import Prices
from quote_proxy.proxy import QuoteProxy
from quote_proxy.proxy_source import held_quote
from quote_proxy.source import HeldQuote

EPOCH_MS = 1_700_000_000_000
WINDOWS = 60
SPAN_S = WINDOWS * 60.0 + 30.0
"""Half a window more than whole ones: else a last hit just before the end would count for much."""

WARM_UP_S = 60.0
"""How long a command waits counts from here on."""

SYMBOLS_PER_RATE = 8
RATES_PER_S = (20.0, 2.0, 0.5, 0.1, 0.02)
"""How often a symbol is asked for: from every 50 ms to less than once in a window."""

SLOW_US = 5_000
"""A command that waits longer than this for its price counts as one that had to wait."""


class CourseServer:
    """A `QuoteSource` that takes as long as the real server does.

    :param give_up_s: ask once more, on another connection, each time there is no answer after this;
        None: wait.
    :ivar hits: answers, each of which is charged, by symbol.
    """

    def __init__(self, clock: Clock, random: Random, give_up_s: float | None) -> None:
        self._clock = clock
        self._random = random
        self._give_up_s = give_up_s
        self._prices = Prices(1)
        self.hits: Counter[str] = Counter()

    def fetch(
        self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
    ) -> Deferred[Quote]:
        """See `QuoteSource`."""
        fetched: Deferred[Quote] = Deferred()
        self._attempt(symbol, user, fetched)
        return fetched

    def _attempt(self, symbol: str, user: str, fetched: Deferred[Quote]) -> None:
        if not fetched.called:
            delay_s = course_delay(self._random)
            self._clock.callLater(delay_s, self._answer, symbol, user, fetched)
            if self._give_up_s is not None:
                self._clock.callLater(self._give_up_s, self._attempt, symbol, user, fetched)

    def _answer(self, symbol: str, user: str, fetched: Deferred[Quote]) -> None:
        self.hits[symbol] += 1
        if not fetched.called:
            now_ms = EPOCH_MS + round(self._clock.seconds() * 1000)
            price_cents = self._prices.at(symbol, now_ms)
            fetched.callback(Quote(symbol, price_cents, now_ms, f"{self.hits[symbol]}=", user))


class NodeLink:
    """A node's way to the proxy, without a wire: a `QuoteSource`, and the proxy's `Link`."""

    role = AccessRole.NODE
    is_lost = False
    is_congested = False

    def __init__(self, name: str, proxy: QuoteProxy) -> None:
        self.name = name
        self._proxy = proxy
        self._waiting: dict[bytes, Deferred[HeldQuote]] = {}
        self._asked = 0

    def fetch(
        self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
    ) -> Deferred[HeldQuote]:
        """See `QuoteSource`."""
        self._asked += 1
        request_id = self._asked.to_bytes(16, "big")
        fetched = self._waiting[request_id] = Deferred()
        request = GetPrice(user, symbol, transaction_num, ahead)
        self._proxy.request_received(self, request_id, request)
        return fetched

    def reply_framed(self, frames: Sequence[Framed]) -> None:
        """See `Link`; prices are answered one by one."""
        raise AssertionError(frames)

    def reply(self, request_id: bytes, message: Message) -> None:
        """See `Link`."""
        assert isinstance(message, Price), message
        self._waiting.pop(request_id).callback(held_quote(message))

    def push(self, request_id: bytes, message: Message) -> None:
        """See `Link`; nothing is watched here."""
        raise AssertionError(message)


class Outcome(Struct):
    """What came of the symbols that are asked for equally often.

    :ivar asks: commands after the warm-up, of which so many `waited`.
    """

    rate_per_s: float
    asks: int
    waited: int
    wait_mean_ms: float
    hits: int
    hits_minimum: int

    @property
    def slow_percent(self) -> float:
        """Commands that had to wait, in a hundred."""
        return 100 * self.waited / self.asks


class Market:
    """Customers at some nodes, for some windows."""

    def __init__(
        self,
        ahead: Callable[[Callable[[], float]], AheadPolicy | None],
        *,
        seed: int = 1,
        nodes: int = 2,
        give_up_s: float | None = None,
    ) -> None:
        self.clock = Clock()
        self._random = Random(seed)
        self.server = CourseServer(self.clock, Random(seed + 1), give_up_s)
        shared = QuoteCache(self.server, self.clock, wall_ms=self.wall_ms, margin_s=0.5)
        proxy = QuoteProxy(self.clock, shared, Random(seed + 2))
        self.nodes = [
            QuoteCache(
                NodeLink(f"node-{number}", proxy),
                self.clock,
                wall_ms=self.wall_ms,
                margin_s=0.25,
                ahead=ahead(self._random.random),
            )
            for number in range(nodes)
        ]
        self._uses_ms: dict[str, list[int]] = {}
        self._waits: dict[str, Latencies] = {}
        self._waited: Counter[str] = Counter()

    def wall_ms(self) -> int:
        """The time that all share, Unix ms."""
        return EPOCH_MS + round(self.clock.seconds() * 1000)

    def play(self, rates_per_s: Sequence[float], symbols: int, span_s: float) -> list[Outcome]:
        """Let customers ask for so many symbols of each rate, and tell what came of it."""
        groups = [
            [f"{chr(65 + group)}{chr(65 + number)}" for number in range(symbols)]
            for group in range(len(rates_per_s))
        ]
        for rate_per_s, group in zip(rates_per_s, groups, strict=True):
            for symbol in group:
                self._uses_ms[symbol] = []
                self._waits[symbol] = Latencies()
                self._ask_later(symbol, rate_per_s, span_s)
        while calls := self.clock.getDelayedCalls():
            self.clock.advance(max(0.0, calls[0].getTime() - self.clock.seconds()))
        return [self._outcome(*each) for each in zip(rates_per_s, groups, strict=True)]

    def _ask_later(self, symbol: str, rate_per_s: float, span_s: float) -> None:
        delay_s = self._random.expovariate(rate_per_s)
        if self.clock.seconds() + delay_s <= span_s:
            self.clock.callLater(delay_s, self._ask, symbol, rate_per_s, span_s)

    def _ask(self, symbol: str, rate_per_s: float, span_s: float) -> None:
        asked_s = self.clock.seconds()
        node = self._random.choice(self.nodes)
        getting = node.get(symbol, "ann", 1)
        getting.addCallback(self._used, symbol, asked_s)
        self._ask_later(symbol, rate_per_s, span_s)

    def _used(self, quote: Quote, symbol: str, asked_s: float) -> None:
        now_ms = self.wall_ms()
        assert now_ms - quote.quoted_ms <= 60_000, "a stale price was handed out"
        self._uses_ms[symbol].append(now_ms)
        if asked_s < WARM_UP_S:
            return
        wait_us = round((self.clock.seconds() - asked_s) * 1_000_000)
        self._waits[symbol].record(wait_us)
        self._waited[symbol] += wait_us > SLOW_US

    def _outcome(self, rate_per_s: float, group: Sequence[str]) -> Outcome:
        waits = Latencies()
        for symbol in group:
            waits.merge(self._waits[symbol])
        return Outcome(
            rate_per_s,
            waits.count,
            sum(self._waited[symbol] for symbol in group),
            waits.mean_ms() or 0.0,
            sum(self.server.hits[symbol] for symbol in group),
            legacy_hits_minimum({symbol: self._uses_ms[symbol] for symbol in group}),
        )


POLICIES: dict[str, dict[str, Any]] = {
    "never ahead": {"ahead": None},
    "all warm (1.1 s)": {"ahead": {"hot_asks": 10**9}},
    "all 2.1 s": {"ahead": {"hot_asks": 3, "hot_lead_s": 2.125}},
    "all 3.1 s": {"ahead": {"hot_asks": 3, "hot_lead_s": 3.125}},
    "all hot (4.1 s)": {"ahead": {"hot_asks": 3}},
    "all 6 to 8 s": {"ahead": {"hot_asks": 3, "hot_lead_s": 6.0, "jitter_s": 2.0}},
    "by class": {"ahead": {}},
    "by class, ask again after 30 ms": {"ahead": {}, "give_up_s": 0.03},
    "never ahead, ask again after 30 ms": {"ahead": None, "give_up_s": 0.03},
    "never ahead, ask again after 1.1 s": {"ahead": None, "give_up_s": 1.1},
}


def measure(name: str, seed: int, span_s: float, symbols: int) -> list[Outcome]:
    """Play one policy by its name in `POLICIES`."""
    options = POLICIES[name]

    def ahead(random: Callable[[], float]) -> AheadPolicy | None:
        return None if options["ahead"] is None else AheadPolicy(random, **options["ahead"])

    market = Market(ahead, seed=seed, give_up_s=options.get("give_up_s"))
    return market.play(RATES_PER_S, symbols, span_s)


def main() -> None:
    """Measure all policies and write a table."""
    out = sys.stdout.write
    out(f"{WINDOWS} windows, {SYMBOLS_PER_RATE} symbols of each rate, two nodes, course delays\n")
    for name in POLICIES:
        outcomes = measure(name, 1, SPAN_S, SYMBOLS_PER_RATE)
        out(f"\n{name}\n  asks/s      asks  waited > 5 ms  mean wait ms   hits  minimum  ratio\n")
        for each in outcomes:
            out(
                f"{each.rate_per_s:8.2f}{each.asks:10,}{each.slow_percent:14.3f}%"
                f"{each.wait_mean_ms:14.3f}{each.hits:7,}{each.hits_minimum:9,}"
                f"{each.hits / each.hits_minimum:7.3f}\n"
            )


if __name__ == "__main__":
    main()
