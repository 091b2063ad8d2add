"""The coalescing quote cache: one fetch per symbol and window, however many ask.

For the trading node, the proxy daemon and the trigger service. Invariants: a price older than its
validity by the quote server's own time is never given out; every waiter has a Deferred of its own;
a price once paid for is kept even if all who asked have left.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from protocol.quote import QUOTE_TTL_MS, Quote
from quote_proxy.source import HeldQuote, QuoteSource, QuoteUnavailable, Refusal

SYMBOLS_MAX = 20_000
"""More than there are symbols of 1 to 3 letters."""

_Waiters = OrderedDict[Deferred[Quote], None]


class _Held(Struct, frozen=True, gc=False):
    quote: Quote
    usable_until_s: float


class CacheCounters:
    """How prices were come by, since the start.

    :ivar fresh: given out at once from the cache.
    :ivar coalesced: answered by a fetch that was already under way.
    :ivar fetched: fetches that gave a price.
    :ivar failed: fetches that did not.
    """

    __slots__ = ("coalesced", "failed", "fetched", "fresh")

    def __init__(self) -> None:
        self.fresh = 0
        self.coalesced = 0
        self.fetched = 0
        self.failed = 0


class QuoteCache:
    """Prices held for as long as they may be used (SPEC section 1, "Quotes").

    :param clock: validity is kept on `clock.seconds()`, which must be monotonic.
    :param wall_ms: Unix ms now; read once per price, when it comes in, to tell how old it is.
    :param symbols_max: the price held longest makes room for one too many.
    :param margin_s: a price that lapses within this is not given out: what it decides is to be
        committed while it may still be used.
    :ivar on_new: called with each price that comes in, before those who wait for it.
    :ivar on_failed: called with the symbol of each fetch that gave no price.
    """

    _log = Logger()

    def __init__(
        self,
        source: QuoteSource,
        clock: IReactorTime,
        *,
        wall_ms: Callable[[], int],
        ttl_s: float = QUOTE_TTL_MS / 1000,
        symbols_max: int = SYMBOLS_MAX,
        margin_s: float = 0.0,
    ) -> None:
        self.counters = CacheCounters()
        self._source = source
        self._clock = clock
        self._wall_ms = wall_ms
        self._ttl_ms = round(ttl_s * 1000)
        self._symbols_max = symbols_max
        self._margin_s = margin_s
        self.on_new: Callable[[Quote], None] = lambda _quote: None
        self.on_failed: Callable[[str], None] = lambda _symbol: None
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._in_flight: dict[str, _Waiters] = {}

    def fresh(self, symbol: str) -> Quote | None:
        """Return the price of `symbol` if one is held that may be used now.

        No I/O, no Deferred: a look-up and a comparison. Exactly 60.000 s old is usable.
        """
        held = self._held.get(symbol)
        if held is None or self._clock.seconds() > held.usable_until_s - self._margin_s:
            return None
        self.counters.fresh += 1
        return held.quote

    @property
    def held(self) -> int:
        """How many prices are kept, some of which may be too old by now."""
        return len(self._held)

    def newest(self, symbol: str) -> Quote | None:
        """The price that is held, however old; for showing, never for a trade."""
        held = self._held.get(symbol)
        return None if held is None else held.quote

    def drop(self, quote: Quote) -> None:
        """Give this price out no more: by a clock that counts it is too old already."""
        held = self._held.get(quote.symbol)
        if held is not None and held.quote is quote:
            del self._held[quote.symbol]

    def usable_ms(self, symbol: str) -> int:
        """For how long the price that is held may still be used; 0 where there is none."""
        held = self._held.get(symbol)
        if held is None:
            return 0
        return max(0, int((held.usable_until_s - self._clock.seconds()) * 1000))

    def offer(self, held: HeldQuote) -> None:
        """Take a price that nobody here has asked for, such as one that was pushed."""
        symbol = held.quote.symbol
        if held.usable_ms > self.usable_ms(symbol):
            self._keep(held)

    def refresh(self, symbol: str, user: str, transaction_num: int = 1) -> None:
        """Fetch a new price though one is held; who asks meanwhile still gets the held one."""
        if symbol not in self._in_flight:
            self._in_flight[symbol] = OrderedDict()
            self._fetch(symbol, user, transaction_num)

    def get(self, symbol: str, user: str, transaction_num: int = 1) -> Deferred[Quote]:
        """Give the price of `symbol`, asking the source in the name of `user` only if need be.

        Fires at once with a held price, else on a later turn of the clock, waiters in the order
        they asked. Fails with `QuoteUnavailable`. Cancelling it removes this waiter alone; the
        fetch goes on and its price is kept.
        """
        quote = self.fresh(symbol)
        if quote is not None:
            return succeed(quote)
        waiters = self._in_flight.get(symbol)
        if waiters is not None:
            self.counters.coalesced += 1
            return self._wait(waiters)
        waiters = self._in_flight[symbol] = OrderedDict()
        waiter = self._wait(waiters)
        self._fetch(symbol, user, transaction_num)
        return waiter

    def _fetch(self, symbol: str, user: str, transaction_num: int) -> None:
        ask: Callable[..., Deferred[Any]] = self._source.fetch
        fetch = maybeDeferred(ask, symbol, user, transaction_num)
        fetch.addCallback(self._hold, symbol)
        fetch.addCallbacks(partial(self._fetched, symbol), partial(self._failed, symbol))

    def _wait(self, waiters: _Waiters) -> Deferred[Quote]:
        waiter: Deferred[Quote] = Deferred(lambda leaving: waiters.pop(leaving, None))
        waiters[waiter] = None
        return waiter

    def _hold(self, answer: Quote | HeldQuote, symbol: str) -> Quote:
        quote = answer.quote if isinstance(answer, HeldQuote) else answer
        if quote.symbol != symbol:
            raise QuoteUnavailable(Refusal.SYMBOL)
        if quote.price_cents <= 0:
            raise QuoteUnavailable(Refusal.PRICE)
        # A time slightly ahead of ours is the other clock's error: it earns no longer validity.
        usable_ms = self._ttl_ms - max(0, self._wall_ms() - quote.quoted_ms)
        if isinstance(answer, HeldQuote):
            usable_ms = min(usable_ms, answer.usable_ms)
        if usable_ms < 0:
            raise QuoteUnavailable(Refusal.EXPIRED)
        self._keep(HeldQuote(quote, usable_ms))
        return quote

    def _keep(self, held: HeldQuote) -> None:
        symbol = held.quote.symbol
        usable_until_s = self._clock.seconds() + held.usable_ms / 1000
        self._held[symbol] = _Held(held.quote, usable_until_s)
        self._held.move_to_end(symbol)
        if len(self._held) > self._symbols_max:
            self._held.popitem(last=False)
        self.on_new(held.quote)

    def _fetched(self, symbol: str, quote: Quote) -> None:
        self.counters.fetched += 1
        self._settle(symbol, quote)

    def _failed(self, symbol: str, failure: Failure) -> None:
        self.counters.failed += 1
        reason = Refusal.INTERNAL
        if isinstance(failure.value, QuoteUnavailable):
            reason = failure.value.reason
        else:
            self._log.failure("fetching the price of {symbol}", failure, symbol=symbol)
        self._settle(symbol, reason)
        self.on_failed(symbol)

    def _settle(self, symbol: str, outcome: Quote | Refusal) -> None:
        waiters = self._in_flight.pop(symbol)
        if waiters:
            self._clock.callLater(0, _fire, waiters, outcome)


def _fire(waiters: _Waiters, outcome: Quote | Refusal) -> None:
    # A waiter may cancel another one while it is called: take them out one at a time.
    while waiters:
        waiter, _ = waiters.popitem(last=False)
        if isinstance(outcome, Quote):
            waiter.callback(outcome)
        else:
            waiter.errback(QuoteUnavailable(outcome))
