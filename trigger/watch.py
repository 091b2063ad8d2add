"""Keeping prices fresh for the stocks that triggers wait for.

Used by the trigger service. Each watched symbol is asked for once per window, as soon as the price
that is held may no longer be used; no symbol without an armed trigger is ever asked for.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ledger.store import ArmedTrigger
from protocol.quote import Quote
from quote_proxy.cache import QuoteCache
from quote_proxy.source import QuoteUnavailable

RETRY_S = 1.0
"""Pause after a price that could not be had."""

_AFTER_EXPIRY_S = 0.005


class PriceWatch:
    """The symbols that are watched now.

    :param oldest: the trigger in whose user's name a symbol is asked for, or None to watch it no
        more.
    :param on_price: called with each new price, and the trigger in whose name it was asked for.
    :param wall_ms: the clock by which the cache judges the age of a price.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        quotes: QuoteCache,
        wall_ms: Callable[[], int],
        oldest: Callable[[str], ArmedTrigger | None],
        on_price: Callable[[Quote, ArmedTrigger], None],
    ) -> None:
        self._clock = clock
        self._quotes = quotes
        self._wall_ms = wall_ms
        self._oldest = oldest
        self._on_price = on_price
        self._calls: dict[str, Any] = {}
        self._asking: dict[str, Deferred[Quote]] = {}
        self._is_stopped = False

    def want(self, symbol: str) -> None:
        """Watch a symbol from now on; one that is watched already goes on as it was."""
        if not self._is_stopped and symbol not in self._calls and symbol not in self._asking:
            self._ask(symbol)

    def _ask(self, symbol: str) -> None:
        self._calls.pop(symbol, None)
        trigger = self._oldest(symbol)
        if trigger is None:
            return
        asking = self._asking[symbol] = self._quotes.get(symbol, trigger.user)
        asking.addBoth(self._answered, symbol)
        asking.addCallback(self._priced, trigger)
        asking.addErrback(self._unpriced, symbol)

    def _answered(self, answer: Quote | Failure, symbol: str) -> Quote | Failure:
        del self._asking[symbol]
        return answer

    def _priced(self, quote: Quote, trigger: ArmedTrigger) -> None:
        rest_s = max(0, quote.valid_until_ms - self._wall_ms()) / 1000
        self._ask_in(quote.symbol, rest_s + _AFTER_EXPIRY_S)
        self._on_price(quote, trigger)

    def _unpriced(self, failure: Failure, symbol: str) -> None:
        if failure.check(CancelledError) is not None:
            return
        if failure.check(QuoteUnavailable) is not None:
            self.log.warn("no price of {symbol}: {why}", symbol=symbol, why=str(failure.value))
        else:
            self.log.failure("watching {symbol}", failure, symbol=symbol)
        self._ask_in(symbol, RETRY_S)

    def _ask_in(self, symbol: str, delay_s: float) -> None:
        if symbol not in self._calls:
            self._calls[symbol] = self._clock.callLater(delay_s, self._ask, symbol)

    def stop(self) -> None:
        """Watch nothing any more."""
        self._is_stopped = True
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()
        for asking in list(self._asking.values()):
            asking.cancel()
