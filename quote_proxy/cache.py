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
from quote_proxy.ahead import PAUSE_S, AheadPolicy, moved_bp
from quote_proxy.source import HeldQuote, QuoteSource, QuoteUnavailable, Refusal

SYMBOLS_MAX = 20_000
"""More than there are symbols of 1 to 3 letters."""

_Waiters = OrderedDict[Deferred[Quote], None]


class _Held(Struct, gc=False):
    """A price, and what is known of the demand for it.

    :ivar quiet_until_s: until then the price is given out without another thought.
    :ivar asks: how often it was given out.
    :ivar moved_bp: how far it had moved from the one before.
    :ivar ahead_s: it is not fetched anew before this.
    """

    quote: Quote
    usable_until_s: float
    quiet_until_s: float
    jitter_s: float
    moved_bp: int = 0
    asks: int = 0
    ahead_s: float = 0.0


class CacheCounters:
    """How prices were come by, since the start.

    :ivar fresh: given out at once from the cache.
    :ivar coalesced: waited for by those who asked when a fetch was already under way.
    :ivar missed: asked for with no fetch under way, so that one began.
    :ivar ahead: fetches that began before anybody had to wait.
    :ivar fetched: fetches that gave a price.
    :ivar failed: fetches that did not.
    """

    __slots__ = ("ahead", "coalesced", "failed", "fetched", "fresh", "missed")

    def __init__(self) -> None:
        self.fresh = 0
        self.coalesced = 0
        self.missed = 0
        self.ahead = 0
        self.fetched = 0
        self.failed = 0


class QuoteCache:
    """Prices held for as long as they may be used (SPEC section 1, "Quotes").

    :param clock: validity is kept on `clock.seconds()`, which must be monotonic.
    :param wall_ms: Unix ms now; read once per price, when it comes in, to tell how old it is.
    :param symbols_max: the price held longest makes room for one too many.
    :param ahead: which prices are fetched anew before they lapse; None: none are.
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
        ahead: AheadPolicy | None = None,
    ) -> None:
        self.counters = CacheCounters()
        self._source = source
        self._clock = clock
        self._wall_ms = wall_ms
        self._ttl_ms = round(ttl_s * 1000)
        self._symbols_max = symbols_max
        self._margin_s = margin_s
        self._ahead = ahead
        self.on_new: Callable[[Quote], None] = lambda _quote: None
        self.on_failed: Callable[[str], None] = lambda _symbol: None
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._in_flight: dict[str, _Waiters] = {}

    def fresh(self, symbol: str, user: str = "", transaction_num: int = 1) -> Quote | None:
        """Return the price of `symbol` if one is held that may be used now.

        No I/O, no Deferred: a look-up and a comparison. Exactly 60.000 s old is usable. A user's
        asking may have the next price fetched in that user's name.
        """
        held = self._held.get(symbol)
        if held is None:
            return None
        now_s = self._clock.seconds()
        if now_s >= held.quiet_until_s:
            if now_s > held.usable_until_s - self._margin_s:
                return None
            if user and self._ahead is not None:
                self._look_ahead(held, now_s, user, transaction_num)
        held.asks += 1
        self.counters.fresh += 1
        return held.quote

    def _look_ahead(self, held: _Held, now_s: float, user: str, transaction_num: int) -> None:
        """Have the next price fetched, if the symbol is in demand and this is the time."""
        assert self._ahead is not None
        lead_s = self._ahead.lead_s(held.asks, held.moved_bp)
        left_s = held.usable_until_s - now_s
        if lead_s and left_s <= lead_s + held.jitter_s and now_s >= held.ahead_s:
            held.ahead_s = now_s + PAUSE_S
            self.refresh(held.quote.symbol, user, transaction_num)

    @property
    def held(self) -> int:
        """How many prices are kept, some of which may be too old by now."""
        return len(self._held)

    def symbols(self) -> list[str]:
        """The stocks whose prices are kept, the one that came in last at the end."""
        return list(self._held)

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
            self.counters.ahead += 1
            self._fetch(symbol, user, transaction_num, ahead=True)

    def get_next(self, symbol: str, user: str, transaction_num: int = 1) -> Deferred[Quote]:
        """Give the price that comes after the one that is held, else as `get`."""
        self.refresh(symbol, user, transaction_num)
        return self._wait(self._in_flight[symbol])

    def get(self, symbol: str, user: str, transaction_num: int = 1) -> Deferred[Quote]:
        """Give the price of `symbol`, asking the source in the name of `user` only if need be.

        Fires at once with a held price, else on a later turn of the clock, waiters in the order
        they asked. Fails with `QuoteUnavailable`. Cancelling it removes this waiter alone; the
        fetch goes on and its price is kept.
        """
        quote = self.fresh(symbol, user, transaction_num)
        if quote is not None:
            return succeed(quote)
        waiters = self._in_flight.get(symbol)
        if waiters is not None:
            self.counters.coalesced += 1
            return self._wait(waiters)
        self.counters.missed += 1
        waiters = self._in_flight[symbol] = OrderedDict()
        waiter = self._wait(waiters)
        self._fetch(symbol, user, transaction_num)
        return waiter

    def _fetch(self, symbol: str, user: str, transaction_num: int, *, ahead: bool = False) -> None:
        ask: Callable[..., Deferred[Any]] = self._source.fetch
        fetch = maybeDeferred(ask, symbol, user, transaction_num, ahead=ahead)
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
        self._held[symbol] = self._as_held(held, self._held.get(symbol))
        self._held.move_to_end(symbol)
        if len(self._held) > self._symbols_max:
            self._held.popitem(last=False)
        self.on_new(held.quote)

    def _as_held(self, held: HeldQuote, before: _Held | None) -> _Held:
        quote = held.quote
        usable_until_s = self._clock.seconds() + held.usable_ms / 1000
        if self._ahead is None:
            return _Held(quote, usable_until_s, usable_until_s - self._margin_s, 0.0)
        early_s = max(self._ahead.early_s_max, self._margin_s)
        jitter_s = self._ahead.jitter_s()
        new = _Held(quote, usable_until_s, usable_until_s - early_s, jitter_s)
        if before is not None and before.quote.hit == quote.hit:
            new.asks, new.moved_bp = before.asks, before.moved_bp
        elif before is not None:
            new.moved_bp = moved_bp(before.quote.price_cents, quote.price_cents)
        return new

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
