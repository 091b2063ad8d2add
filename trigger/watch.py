"""Keeping prices fresh for the stocks that triggers wait for.

Used by the trigger service. Each watched symbol is asked for once per window, as soon as the price
that is held may no longer be used; no symbol without an armed trigger is ever asked for.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from protocol.quote import Quote
from quote_proxy.cache import QuoteCache
from quote_proxy.source import QuoteUnavailable

RETRY_S = 1.0
"""Pause after a price that could not be had."""

_AFTER_EXPIRY_S = 0.005


class PriceWatch:
    """The symbols that are watched now.

    :param asker: gives the user in whose name a symbol is asked for, or None to watch it no more.
    :param on_price: called with each new price.
    :param wall_ms: the clock by which the cache judges the age of a price.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        quotes: QuoteCache,
        wall_ms: Callable[[], int],
        asker: Callable[[str], str | None],
        on_price: Callable[[Quote], None],
    ) -> None:
        self._clock = clock
        self._quotes = quotes
        self._wall_ms = wall_ms
        self._asker = asker
        self._on_price = on_price
        self._calls: dict[str, Any] = {}
        self._asking: dict[str, Deferred[None]] = {}

    def want(self, symbol: str) -> None:
        """Watch a symbol from now on; one that is watched already goes on as it was."""
        if symbol not in self._calls and symbol not in self._asking:
            self._ask(symbol)

    def _ask(self, symbol: str) -> None:
        self._calls.pop(symbol, None)
        user = self._asker(symbol)
        if user is None:
            return
        asking = self._quotes.get(symbol, user)
        waiting: Deferred[None] = asking.addCallbacks(
            self._priced, self._unpriced, errbackArgs=(symbol,)
        )
        self._asking[symbol] = waiting
        waiting.addErrback(self._broken, symbol)
        waiting.addBoth(lambda _result: self._forget(symbol, waiting))

    def _forget(self, symbol: str, waiting: Deferred[None]) -> None:
        if self._asking.get(symbol) is waiting:
            del self._asking[symbol]

    def _priced(self, quote: Quote) -> None:
        rest_s = max(0, quote.valid_until_ms - self._wall_ms()) / 1000
        self._ask_in(quote.symbol, rest_s + _AFTER_EXPIRY_S)
        self._on_price(quote)

    def _unpriced(self, failure: Failure, symbol: str) -> None:
        failure.trap(QuoteUnavailable)
        self.log.warn("no price of {symbol}: {why}", symbol=symbol, why=str(failure.value))
        self._ask_in(symbol, RETRY_S)

    def _broken(self, failure: Failure, symbol: str) -> None:
        self.log.failure("watching {symbol}", failure, symbol=symbol)
        self._ask_in(symbol, RETRY_S)

    def _ask_in(self, symbol: str, delay_s: float) -> None:
        if symbol not in self._calls:
            self._calls[symbol] = self._clock.callLater(delay_s, self._ask, symbol)

    def stop(self) -> None:
        """Watch nothing any more."""
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()
        for asking in list(self._asking.values()):
            asking.addErrback(lambda _failure: None)
            asking.cancel()
        self._asking.clear()
