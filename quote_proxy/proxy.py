"""The quote proxy: one coalescing cache that all nodes and the trigger service share.

Used by `twistd_plugins.trade_quotes` and the tests; see `service.server.Service`. Whoever watches a
symbol is told each new price once and in order; one that does not read is let go, and asks anew
when it is back.
"""

from functools import partial
from random import Random
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from protocol.authentication import AccessRole
from protocol.errors import Code
from protocol.fields import is_symbol
from protocol.messages import Error, GetPrice, Health, Message, Price, Watching, WatchPrice
from protocol.quote import Quote
from quote_proxy.ahead import AHEAD_S_MAX
from quote_proxy.cache import QuoteCache
from quote_proxy.demand import Demand
from quote_proxy.source import QuoteUnavailable
from service.server import Link

_AHEAD_MS_MAX = round(AHEAD_S_MAX * 1000)

_ROLES = (AccessRole.NODE, AccessRole.ADMINISTRATOR)


class _Watch(NamedTuple):
    """Under which id a link is told prices, and whether it does without until others ask."""

    request_id: bytes
    passive: bool


class QuoteProxy:
    """Answers nodes and trigger services."""

    log = Logger()

    def __init__(self, clock: IReactorTime, quotes: QuoteCache, random: Random) -> None:
        self._clock = clock
        self._quotes = quotes
        self._watches: dict[str, dict[Link, _Watch]] = {}
        self._demand = Demand(clock, quotes, random, self._is_needed)
        quotes.on_new = self._new_price
        quotes.on_failed = self._demand.fetch_failed

    def request_received(self, link: Link, request_id: bytes, request: Message) -> None:
        """Take a request; the answer goes to the link, now or when there is a price."""
        if not isinstance(request, GetPrice | WatchPrice):
            name = type(request).__name__
            link.reply(request_id, Error(Code.UNKNOWN_KIND, f"the quote proxy takes no {name}"))
        elif link.role not in _ROLES:
            refusal = f"the role {link.role.value} may not ask for prices here"
            link.reply(request_id, Error(Code.NOT_PERMITTED, refusal))
        elif not is_symbol(request.symbol) or not request.symbol.isupper():
            refusal = "a stock symbol is 1 to 3 upper-case letters"
            link.reply(request_id, Error(Code.BAD_SYMBOL, refusal))
        elif isinstance(request, GetPrice):
            self._get(link, request_id, request)
        else:
            self._watch(link, request_id, request)

    def _get(self, link: Link, request_id: bytes, request: GetPrice) -> None:
        asker = request.symbol, request.user, request.transaction_num
        if request.ahead and self._quotes.usable_ms(request.symbol) <= _AHEAD_MS_MAX:
            getting = self._quotes.get_next(*asker)
        else:
            quote = self._quotes.fresh(request.symbol)
            if quote is not None:
                link.reply(request_id, self._price(quote))
                return
            getting = self._quotes.get(*asker)
        getting.addCallbacks(self._price, self._error)
        getting.addCallback(partial(link.reply, request_id))

    def _price(self, quote: Quote) -> Message:
        return Price(
            quote.symbol,
            quote.price_cents,
            quote.quoted_ms,
            quote.cryptokey,
            quote.asker,
            self._quotes.usable_ms(quote.symbol),
        )

    def _error(self, failure: Failure) -> Message:
        reason = failure.value
        if isinstance(reason, QuoteUnavailable):
            return Error(reason.code, reason.reason.value)
        self.log.failure("a price could not be had", failure)
        return Error(Code.INTERNAL, "this went wrong at the quote proxy: ask again")

    # Watching.

    def _watch(self, link: Link, request_id: bytes, request: WatchPrice) -> None:
        symbol = request.symbol
        link.reply(request_id, Watching(symbol, request.wanted))
        if not request.wanted:
            self._forget(link, symbol)
            return
        self._watches.setdefault(symbol, {})[link] = _Watch(request_id, request.passive)
        if not request.passive:
            self._demand.wanted(symbol, request.user, request.transaction_num)
        quote = self._quotes.fresh(symbol)
        if quote is not None:
            link.push(request_id, self._price(quote))
        elif not request.passive:
            getting = self._quotes.get(symbol, request.user, request.transaction_num)
            getting.addErrback(self._no_price, symbol)

    def _no_price(self, failure: Failure, symbol: str) -> None:
        self.log.warn("no price of {symbol}: {why}", symbol=symbol, why=failure.getErrorMessage())

    def _new_price(self, quote: Quote) -> None:
        self._demand.new_price(quote)
        for link, watch in list(self._watches.get(quote.symbol, {}).items()):
            link.push(watch.request_id, self._price(quote))

    def _is_needed(self, symbol: str) -> bool:
        """Somebody wants a price of this symbol at every moment."""
        return any(not watch.passive for watch in self._watches.get(symbol, {}).values())

    def _forget(self, link: Link, symbol: str) -> None:
        watchers = self._watches.get(symbol, {})
        watchers.pop(link, None)
        if not watchers:
            self._watches.pop(symbol, None)

    def link_lost(self, link: Link) -> None:
        """Nobody is at the other end to be told prices."""
        for symbol in [symbol for symbol, links in self._watches.items() if link in links]:
            self._forget(link, symbol)

    def congestion_changed(self, link: Link) -> None:
        """A client that does not read is let go by its connection when it has had its time."""

    def health(self) -> Health:
        """The proxy can always answer, if only that there is no price."""
        return Health(True, "")

    def stop(self) -> None:
        """Fetch nothing any more."""
        self._demand.stop()
