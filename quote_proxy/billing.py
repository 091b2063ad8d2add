"""The bill: every answered hit is told to whoever keeps it.

Stands between a cache and the legacy client, in each process that asks the legacy server itself.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred

from protocol.quote import Quote
from quote_proxy.legacy_client import LegacyQuoteClient

OnHit = Callable[[Quote, int], None]
"""Called with each answer, and the number of the command it was asked for."""


class BilledSource:
    """A `QuoteSource` that asks the legacy server and reports its answers."""

    def __init__(self, legacy: LegacyQuoteClient, on_hit: OnHit) -> None:
        self._legacy = legacy
        self._on_hit = on_hit

    def fetch(
        self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
    ) -> Deferred[Quote]:
        """See `QuoteSource`; the legacy server's next answer is always a new price."""
        fetching = self._legacy.fetch(symbol, user)
        return fetching.addCallback(self._billed, transaction_num)

    def _billed(self, quote: Quote, transaction_num: int) -> Quote:
        self._on_hit(quote, transaction_num)
        return quote
