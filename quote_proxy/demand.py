"""The prices of watched symbols, kept usable at every moment.

Used by the proxy daemon. What is watched is fetched anew just before its price lapses, whether
anybody asks or not; all else is fetched when somebody asks, or has it fetched ahead
(`quote_proxy.ahead`).
"""

from collections.abc import Callable
from random import Random
from typing import Any

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from protocol.quote import Quote
from quote_proxy.cache import QuoteCache

JITTER_S = 1.0
"""A watched price is fetched anew up to this long before it lapses, so that symbols that came
together do not lapse together. A trigger can wait out a slow answer: nothing earlier is paid for.
"""

PAUSE_S = 1.0
"""A watched symbol is not asked for again sooner than this after it was answered or was not."""


class _Asker(Struct, frozen=True, gc=False):
    """In whose name a symbol is asked for."""

    user: str
    transaction_num: int


class Demand:
    """Fetches what is watched anew.

    :param is_watched: tells whether somebody needs a price of a symbol at every moment.
    """

    def __init__(
        self,
        clock: IReactorTime,
        quotes: QuoteCache,
        random: Random,
        is_watched: Callable[[str], bool],
    ) -> None:
        self._clock = clock
        self._quotes = quotes
        self._random = random
        self._is_watched = is_watched
        self._askers: dict[str, _Asker] = {}
        self._calls: dict[str, Any] = {}

    def wanted(self, symbol: str, user: str, transaction_num: int) -> None:
        """A symbol is watched from now on: whoever asked last is the one it is asked for."""
        self._askers[symbol] = _Asker(user, transaction_num)
        if symbol not in self._calls and self._quotes.usable_ms(symbol):
            self._look_when_it_lapses(symbol)

    def new_price(self, quote: Quote) -> None:
        """A price has come in: look again shortly before it lapses."""
        if quote.symbol in self._askers:
            call = self._calls.pop(quote.symbol, None)
            if call is not None:
                call.cancel()
            self._look_when_it_lapses(quote.symbol)

    def _look_when_it_lapses(self, symbol: str) -> None:
        usable_s = self._quotes.usable_ms(symbol) / 1000
        early_s = self._random.random() * JITTER_S
        self._look_in(symbol, max(PAUSE_S, usable_s - early_s))

    def _look_in(self, symbol: str, delay_s: float) -> None:
        self._calls[symbol] = self._clock.callLater(delay_s, self._look, symbol)

    def _look(self, symbol: str) -> None:
        """Fetch the next price of a symbol that is watched; forget one that nobody needs."""
        del self._calls[symbol]
        if self._is_watched(symbol):
            asker = self._askers[symbol]
            self._quotes.refresh(symbol, asker.user, asker.transaction_num)
        else:
            del self._askers[symbol]

    def fetch_failed(self, symbol: str) -> None:
        """A price could not be had: if it is watched, try again after a pause."""
        if symbol in self._askers and symbol not in self._calls:
            self._look_in(symbol, PAUSE_S)

    def stop(self) -> None:
        """Fetch nothing any more."""
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()
