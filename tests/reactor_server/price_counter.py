"""A quote server of the tests: it answers at once what it has a price for, else when told to.

For the tests of `reactor_server` only.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed

from protocol.quote import Quote
from quote_proxy.source import QuoteUnavailable, Refusal


class PriceCounter:
    """See `quote_proxy.source.QuoteSource`.

    :ivar cents: prices that are given at once.
    :ivar asked: symbol and asker of each hit.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._waiting: dict[str, Deferred[Quote]] = {}
        self.cents: dict[str, int] = {"ABC": 500}
        self.asked: list[tuple[str, str]] = []
        self.is_down = False

    def fetch(
        self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
    ) -> Deferred[Quote]:
        self.asked.append((symbol, user))
        if self.is_down:
            return fail(QuoteUnavailable(Refusal.UNREACHABLE))
        if symbol in self.cents:
            return succeed(self._quote(symbol, user, self.cents[symbol]))
        self._waiting[symbol] = Deferred()
        return self._waiting[symbol]

    def _quote(self, symbol: str, user: str, price_cents: int) -> Quote:
        return Quote(symbol, price_cents, self._now_ms(), f"key{len(self.asked)}=", user)

    def is_waiting(self, symbol: str) -> bool:
        """Whether a hit on a symbol waits."""
        return symbol in self._waiting

    def answer(self, symbol: str, price_cents: int) -> None:
        """Answer the hit on a symbol that waits."""
        _, user = next(each for each in reversed(self.asked) if each[0] == symbol)
        self._waiting.pop(symbol).callback(self._quote(symbol, user, price_cents))

    def give_up(self, symbol: str) -> None:
        """Have no price for a hit that waits."""
        self._waiting.pop(symbol).errback(QuoteUnavailable(Refusal.TIMEOUT))
