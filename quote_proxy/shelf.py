"""A shelf for prices that outlives the proxy that paid for them: the third layer, behind the caches
of nodes and proxies.

Used by the quote proxy. Losing the shelf costs hits, never correctness: what it gives is judged
like any answer, and while it is away everything is fetched.
"""

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from protocol.quote import QUOTE_TTL_MS, Quote
from quote_proxy.source import QuoteSource

LEFT_MS_MIN = 1_000
"""A price that lapses this soon is left on the shelf: hardly anything can be decided by it."""

AHEAD_MS_MAX = 10_000
"""A price whose time lies further ahead is left there too: see `quote_proxy.legacy_client`."""


class Shelf(Protocol):
    """Where prices are put."""

    async def take(self, symbol: str) -> Quote | None:
        """The newest price of a symbol; None where there is none, or the shelf is away."""

    async def put(self, quote: Quote, ttl_ms: int) -> None:
        """Keep a price for so long, if that can be; never raises."""


class ShelfCounters:
    """What became of looks at the shelf, since the start.

    :ivar found: usable prices, which need not be paid for again.
    :ivar missed: looks that found none.
    """

    __slots__ = ("found", "missed")

    def __init__(self) -> None:
        self.found = 0
        self.missed = 0


class ShelvedSource:
    """A `QuoteSource` before another one that looks at the shelf first.

    :param wall_ms: Unix ms now, to tell how old a price is.
    """

    log = Logger()

    def __init__(self, source: QuoteSource, shelf: Shelf, wall_ms: Callable[[], int]) -> None:
        self.counters = ShelfCounters()
        self._source = source
        self._shelf = shelf
        self._wall_ms = wall_ms
        self._putting: set[Deferred[None]] = set()

    def fetch(
        self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
    ) -> Deferred[Quote]:
        """See `QuoteSource`; who holds a price still gets none from the shelf."""
        return Deferred.fromCoroutine(self._fetch(symbol, user, transaction_num, ahead))

    async def _fetch(self, symbol: str, user: str, transaction_num: int, ahead: bool) -> Quote:
        if not ahead:
            kept = await self._shelf.take(symbol)
            if kept is not None and self._is_usable(kept, symbol):
                self.counters.found += 1
                return kept
            self.counters.missed += 1
        answer = await self._source.fetch(symbol, user, transaction_num, ahead=ahead)
        assert isinstance(answer, Quote), "only the quote server itself is behind a shelf"
        self._put(answer)
        return answer

    def _is_usable(self, quote: Quote, symbol: str) -> bool:
        age_ms = self._wall_ms() - quote.quoted_ms
        is_fresh = -AHEAD_MS_MAX <= age_ms <= QUOTE_TTL_MS - LEFT_MS_MIN
        return quote.symbol == symbol and quote.price_cents > 0 and is_fresh

    def _put(self, quote: Quote) -> None:
        """Put a price there; whoever waits for it does not wait for that."""
        left_ms = QUOTE_TTL_MS - max(0, self._wall_ms() - quote.quoted_ms)
        if left_ms > LEFT_MS_MIN:
            putting = Deferred.fromCoroutine(self._shelf.put(quote, left_ms))
            self._putting.add(putting)
            putting.addErrback(
                lambda failure: self.log.failure("a price was not put on the shelf", failure)
            )
            putting.addBoth(lambda _result: self._putting.discard(putting))
