"""Keeping prices fresh for the stocks that triggers wait for.

Used by the trigger service. Prices are pushed by the quote proxy; where none has come by the time
the held one lapses, it is asked for, so that there is one in every window whatever became of the
proxy. No symbol without an armed trigger is watched or asked for.
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
from quote_proxy.source import PriceFeed, QuoteUnavailable

RETRY_S = 1.0
"""Pause after a price that could not be had."""

_AFTER_EXPIRY_S = 0.005


class PriceWatch:
    """The symbols that are watched now.

    :param oldest: gives the trigger in whose name a symbol is asked for, or None to watch it no
        more.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        quotes: QuoteCache,
        feed: PriceFeed,
        oldest: Callable[[str], ArmedTrigger | None],
    ) -> None:
        self._clock = clock
        self._quotes = quotes
        self._feed = feed
        self._oldest = oldest
        self._calls: dict[str, Any] = {}
        self._asking: dict[str, Deferred[Any]] = {}
        self._is_stopped = False

    def want(self, symbol: str) -> None:
        """Watch a symbol from now on; one that is watched already goes on as it was."""
        if self._is_stopped or symbol in self._calls or symbol in self._asking:
            return
        trigger = self._oldest(symbol)
        if trigger is not None:
            self._feed.watch(symbol, trigger.user, trigger.transaction_num)
            self._look(symbol)

    def new_price(self, quote: Quote) -> None:
        """A price has come: the next one is wanted when it lapses."""
        call = self._calls.pop(quote.symbol, None)
        if call is not None:
            call.cancel()
            self._look_when_it_lapses(quote.symbol)

    def _look(self, symbol: str) -> None:
        self._calls.pop(symbol, None)
        trigger = self._oldest(symbol)
        if trigger is None:
            self._feed.unwatch(symbol)
        elif self._quotes.fresh(symbol) is not None:
            self._look_when_it_lapses(symbol)
        else:
            self._ask(symbol, trigger)

    def _look_when_it_lapses(self, symbol: str) -> None:
        usable_s = self._quotes.usable_ms(symbol) / 1000
        self._look_in(symbol, usable_s + _AFTER_EXPIRY_S)

    def _look_in(self, symbol: str, delay_s: float) -> None:
        self._calls[symbol] = self._clock.callLater(delay_s, self._look, symbol)

    def _ask(self, symbol: str, trigger: ArmedTrigger) -> None:
        asking = self._quotes.get(symbol, trigger.user, trigger.transaction_num)
        self._asking[symbol] = asking
        asking.addBoth(self._answered, symbol)
        asking.addErrback(self._refused, symbol)

    def _answered(self, answer: Quote | Failure, symbol: str) -> Quote | Failure:
        del self._asking[symbol]
        if not isinstance(answer, Failure) and symbol not in self._calls:
            self._look_when_it_lapses(symbol)
        return answer

    def _refused(self, failure: Failure, symbol: str) -> None:
        if failure.check(CancelledError) is not None:
            return
        if failure.check(QuoteUnavailable) is not None:
            self.log.warn("no price of {symbol}: {why}", symbol=symbol, why=str(failure.value))
        else:
            self.log.failure("watching {symbol}", failure, symbol=symbol)
        self._look_in(symbol, RETRY_S)

    def stop(self) -> None:
        """Watch nothing any more."""
        self._is_stopped = True
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()
        for asking in list(self._asking.values()):
            asking.cancel()
