"""Prices that were seen lately, for the value of holdings and for charts.

Pure, but for what it remembers. It decides nothing: a trade's price is the node's business. It can
be lost and is then seen anew.
"""

from bisect import insort
from collections import OrderedDict

from msgspec import Struct

SYMBOLS_MAX = 2000
SEEN_MAX = 300
"""Prices kept for each symbol; the oldest go first."""


class SeenPrice(Struct, frozen=True, order=True):
    """A price and when it was seen, Unix ms."""

    at_ms: int
    price_cents: int


class Prices:
    """The prices of each symbol, in order of time; symbols not seen for longest are forgotten."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, list[SeenPrice]] = OrderedDict()

    def saw(self, symbol: str, at_ms: int, price_cents: int) -> bool:
        """Remember a price; False where it was known already."""
        seen = self._seen.setdefault(symbol, [])
        self._seen.move_to_end(symbol)
        price = SeenPrice(at_ms, price_cents)
        if price in seen[-50:] or (len(seen) == SEEN_MAX and price < seen[0]):
            return False
        insort(seen, price)
        del seen[:-SEEN_MAX]
        if len(self._seen) > SYMBOLS_MAX:
            self._seen.popitem(last=False)
        return True

    def last(self, symbol: str) -> SeenPrice | None:
        """The newest price of a symbol, or None."""
        seen = self._seen.get(symbol)
        return seen[-1] if seen else None

    def of(self, symbol: str) -> list[SeenPrice]:
        """All prices of a symbol, the oldest first."""
        return list(self._seen.get(symbol, ()))

    def newest(self) -> dict[str, SeenPrice]:
        """The newest price of each symbol, those seen last first."""
        return {symbol: seen[-1] for symbol, seen in reversed(self._seen.items())}
