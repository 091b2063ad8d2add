"""Telling clients the prices of stocks they watch, at no charge.

Used by the node. It hears of each price that anybody paid for, by way of the node's cache and the
quote proxy, and never causes a hit itself. Invariant: a watcher is told each new price once, and
never an older one after a newer; one that does not read is told the newest when it reads again.
"""

from protocol.messages import Price, Watching
from protocol.quote import Quote
from quote_proxy.cache import QuoteCache
from quote_proxy.source import PriceFeed
from service.server import Link

_NOBODY = "-"
"""In whose name the proxy is asked: a passive watch never comes to the quote server."""


class _WatchedPrice:
    """One symbol: who watches it under which id, and the newest price told.

    :ivar unread: links that did not read when there was something to tell.
    """

    __slots__ = ("links", "newest", "unread")

    def __init__(self, newest: Quote | None) -> None:
        self.newest = newest
        self.links: dict[Link, bytes] = {}
        self.unread: set[Link] = set()


class PriceNews:
    """The symbols that are watched at one node.

    :param quotes: the node's cache, which hears of every price that comes in.
    :param feed: pushes prices that other nodes and the trigger services have asked for.
    """

    def __init__(self, quotes: QuoteCache, feed: PriceFeed) -> None:
        self._quotes = quotes
        self._feed = feed
        self._watched: dict[str, _WatchedPrice] = {}
        self._symbols: dict[Link, set[str]] = {}
        quotes.on_new = self._new_price

    # Who watches.

    def watch(self, link: Link, request_id: bytes, symbol: str) -> None:
        """Tell a link the price that is held, if any, and each new one."""
        watched = self._watched.get(symbol)
        if watched is None:
            watched = self._watched[symbol] = _WatchedPrice(self._quotes.newest(symbol))
            self._feed.watch(symbol, _NOBODY, 1, passive=True)
        self._symbols.setdefault(link, set()).add(symbol)
        watched.links[link] = request_id
        watched.unread.discard(link)
        link.reply(request_id, Watching(symbol, True))
        if watched.newest is not None and self._quotes.usable_ms(symbol):
            link.push(request_id, self._price(watched.newest))

    def unwatch(self, link: Link, request_id: bytes, symbol: str) -> None:
        """Tell a link nothing more of a symbol."""
        self._symbols.get(link, set()).discard(symbol)
        self._remove(link, symbol)
        link.reply(request_id, Watching(symbol, False))

    def link_lost(self, link: Link) -> None:
        """Nobody is at the other end to be told."""
        for symbol in self._symbols.pop(link, ()):
            self._remove(link, symbol)

    def _remove(self, link: Link, symbol: str) -> None:
        watched = self._watched.get(symbol)
        if watched is None:
            return
        watched.links.pop(link, None)
        watched.unread.discard(link)
        if not watched.links:
            del self._watched[symbol]
            self._feed.unwatch(symbol)

    # What they are told.

    def _new_price(self, quote: Quote) -> None:
        watched = self._watched.get(quote.symbol)
        if watched is None or (watched.newest and quote.quoted_ms <= watched.newest.quoted_ms):
            return
        watched.newest = quote
        for link, request_id in watched.links.items():
            if link.is_congested:
                watched.unread.add(link)
            else:
                link.push(request_id, self._price(quote))

    def congestion_changed(self, link: Link) -> None:
        """Tell a link that reads again the newest price of each symbol it has missed one of."""
        if link.is_congested:
            return
        for symbol in self._symbols.get(link, ()):
            watched = self._watched[symbol]
            if link in watched.unread and watched.newest is not None:
                watched.unread.discard(link)
                link.push(watched.links[link], self._price(watched.newest))

    def _price(self, quote: Quote) -> Price:
        """The price without its hit: in whose name it was paid is nobody else's business."""
        usable_ms = self._quotes.usable_ms(quote.symbol)
        return Price(quote.symbol, quote.price_cents, quote.quoted_ms, "", "", usable_ms)
