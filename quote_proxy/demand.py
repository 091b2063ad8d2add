"""Which prices are in demand, and when they are fetched anew before they lapse.

Used by the proxy daemon. A watched symbol has a usable price at every moment; one that is asked for
again and again gets the next price a little early, so that hardly anybody waits; all others are
fetched when somebody asks. docs/adr/0008 tells what that costs and gains.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.interfaces import IReactorTime

from protocol.quote import Quote
from quote_proxy.cache import QuoteCache

LEAD_S = 6.0
"""How long before its price lapses a symbol in demand is asked for again: more than the quote
server's usual worst delay."""

JITTER_S = 2.0
"""Up to this much earlier, so that symbols that came together do not lapse together."""

PAUSE_S = 1.0
"""A symbol in demand is not asked for again sooner than this after it was answered or was not."""

HOT_ASKS = 3
"""Asked for this often in one window, a symbol counts as hot."""


class Asker:
    """In whose name a symbol is asked for."""

    __slots__ = ("asks", "transaction_num", "user")

    def __init__(self, user: str, transaction_num: int) -> None:
        self.user = user
        self.transaction_num = transaction_num
        self.asks = 0


class Demand:
    """Refreshes what is in demand ahead of time.

    :param is_watched: tells whether somebody wants to be told each new price of a symbol.
    """

    def __init__(
        self,
        clock: IReactorTime,
        quotes: QuoteCache,
        random: Random,
        is_watched: Callable[[str], bool],
        *,
        lead_s: float = LEAD_S,
        jitter_s: float = JITTER_S,
        hot_asks: int = HOT_ASKS,
    ) -> None:
        self._clock = clock
        self._quotes = quotes
        self._random = random
        self._is_watched = is_watched
        self._lead_s = lead_s
        self._jitter_s = jitter_s
        self._hot_asks = hot_asks
        self._askers: dict[str, Asker] = {}
        self._calls: dict[str, Any] = {}

    def asked(self, symbol: str, user: str, transaction_num: int) -> None:
        """Take note that a price was asked for."""
        asker = self._askers.get(symbol)
        if asker is None:
            asker = self._askers[symbol] = Asker(user, transaction_num)
        asker.user, asker.transaction_num = user, transaction_num
        asker.asks += 1

    def new_price(self, quote: Quote) -> None:
        """A price has come in: look again shortly before it lapses."""
        call = self._calls.pop(quote.symbol, None)
        if call is not None and call.active():
            call.cancel()
        usable_s = self._quotes.usable_ms(quote.symbol) / 1000
        early_s = self._lead_s + self._random.random() * self._jitter_s
        delay_s = max(PAUSE_S, usable_s - early_s)
        self._calls[quote.symbol] = self._clock.callLater(delay_s, self._look, quote.symbol)

    def _look(self, symbol: str) -> None:
        """Fetch the next price of a symbol that is in demand; forget one that nobody wants."""
        self._calls.pop(symbol, None)
        asker = self._askers.get(symbol)
        if asker is None:
            return
        if self._is_watched(symbol) or asker.asks >= self._hot_asks:
            self._quotes.refresh(symbol, asker.user, asker.transaction_num)
            asker.asks = 0
        else:
            del self._askers[symbol]

    def fetch_failed(self, symbol: str) -> None:
        """A price could not be had: if it is watched, try again after a pause."""
        if self._is_watched(symbol) and symbol not in self._calls:
            self._calls[symbol] = self._clock.callLater(PAUSE_S, self._look, symbol)

    def stop(self) -> None:
        """Fetch nothing any more."""
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()
