"""What operators may ask where prices are kept, and on the way to the legacy server.

Used by `twistd_plugins`.
"""

from protocol.errors import Code, TradeError
from protocol.fields import is_symbol
from protocol.quote import HIT_CENTS
from quote_proxy.breaker import Breaker
from quote_proxy.cache import QuoteCache
from quote_proxy.legacy_client import LegacyQuoteClient
from service.operations import Answer, Verb

LINES_MAX = 100


class CacheVerbs:
    """Questions to one cache of prices."""

    def __init__(self, quotes: QuoteCache) -> None:
        self._quotes = quotes

    def verbs(self) -> list[Verb]:
        """All of them."""
        return [
            Verb("quotes", "", "prices that are kept, the newest first", self._all),
            Verb("quote", "SYMBOL", "one price, if it is kept", self._one),
            Verb("expire", "SYMBOL", "forget a price; the next who asks pays for it", self._expire),
        ]

    def _all(self) -> Answer:
        symbols = self._quotes.symbols()
        return {
            "held": len(symbols),
            "quotes": [self._line(symbol) for symbol in reversed(symbols[-LINES_MAX:])],
        }

    def _one(self, symbol: str) -> Answer:
        return {"held": self._quotes.held, "quotes": [self._line(_checked(symbol))]}

    def _line(self, symbol: str) -> Answer:
        quote = self._quotes.newest(symbol)
        if quote is None:
            return {"symbol": symbol, "price_cents": 0, "quoted_ms": 0, "usable_ms": 0}
        return {
            "symbol": symbol,
            "price_cents": quote.price_cents,
            "quoted_ms": quote.quoted_ms,
            "usable_ms": self._quotes.usable_ms(symbol),
        }

    def _expire(self, symbol: str) -> Answer:
        quote = self._quotes.newest(_checked(symbol))
        if quote is not None:
            self._quotes.drop(quote)
        return {"symbol": symbol.upper(), "expired": quote is not None}


def _checked(symbol: str) -> str:
    if not is_symbol(symbol):
        raise TradeError(Code.BAD_SYMBOL, f"{symbol!r} is no symbol: 1 to 3 letters")
    return symbol.upper()


def legacy_verb(client: LegacyQuoteClient, breaker: Breaker) -> Verb:
    """The question how the way to the legacy server is."""

    def legacy() -> Answer:
        counters = client.counters
        return {
            "breaker": "open" if breaker.is_open else "closed",
            "requests": counters.requests,
            "hits": counters.answered,
            "cost_cents": counters.answered * HIT_CENTS,
            "refused": {reason.value: n for reason, n in counters.refused.items()},
        }

    return Verb("legacy", "", "the breaker, the hits and what they cost", legacy)
