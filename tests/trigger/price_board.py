"""A quote source whose prices a test writes on the board.

Only tests import this.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from protocol.quote import Quote
from quote_proxy.source import QuoteUnavailable, Refusal


class PriceBoard:
    """See `QuoteSource`.

    :ivar prices: cents by symbol, as they are now.
    :ivar delay_s: how long an answer takes; the price is that of the answer's time.
    :ivar silent: symbols of which no price is to be had now.
    :ivar answer_with: the next answer, in place of one of this moment.
    :ivar asked: symbol and user of each question, in order.
    :ivar numbers: of the commands they were asked for.
    :ivar answers: the quotes given.
    """

    def __init__(self, clock: Clock, now_ms: Callable[[], int], prices: dict[str, int]) -> None:
        self._clock = clock
        self._now_ms = now_ms
        self.prices = prices
        self.delay_s = 0.0
        self.silent: set[str] = set()
        self.answer_with: Quote | None = None
        self.asked: list[tuple[str, str]] = []
        self.numbers: list[int] = []
        self.answers: list[Quote] = []

    def fetch(
        self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
    ) -> Deferred[Quote]:
        """See `QuoteSource`."""
        self.asked.append((symbol, user))
        self.numbers.append(transaction_num)
        return deferLater(self._clock, self.delay_s, self._answer, symbol, user)

    def _answer(self, symbol: str, user: str) -> Quote:
        if symbol in self.silent:
            raise QuoteUnavailable(Refusal.TIMEOUT)
        cryptokey = f"key{len(self.answers)}="
        now = Quote(symbol, self.prices[symbol], self._now_ms(), cryptokey, user)
        quote, self.answer_with = self.answer_with or now, None
        self.answers.append(quote)
        return quote
