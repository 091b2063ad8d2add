"""Sources, links and quotes for the tests of the proxy and of what stands around it.

Only tests import this.
"""

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from protocol.authentication import AccessRole
from protocol.codec import Framed
from protocol.messages import Error, Message
from protocol.quote import Quote
from quote_proxy.source import QuoteUnavailable, Refusal
from tests.quote_proxy.links import EPOCH_MS


def quote_now(clock: Clock, symbol: str = "ABC", price_cents: int = 1234) -> Quote:
    """A quote of this moment, with a cryptokey of its own."""
    now_ms = EPOCH_MS + round(clock.seconds() * 1000)
    return Quote(symbol, price_cents, now_ms, f"{symbol}{now_ms}{price_cents}", "ann")


class ManualSource:
    """A `QuoteSource` whose fetches the test settles.

    :ivar asked: symbol, user and number of each fetch, in order.
    :ivar ahead: whether each was to come after a price that is held.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int]] = []
        self.ahead: list[bool] = []
        self._open: list[tuple[str, Deferred[Quote]]] = []

    def fetch(
        self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
    ) -> Deferred[Quote]:
        """See `QuoteSource`."""
        self.asked.append((symbol, user, transaction_num))
        self.ahead.append(ahead)
        fetch: Deferred[Quote] = Deferred()
        self._open.append((symbol, fetch))
        return fetch

    @property
    def symbols(self) -> list[str]:
        """What was asked for, in order."""
        return [symbol for symbol, _, _ in self.asked]

    def answer(self, quote: Quote) -> None:
        """Answer the oldest open fetch of this quote's symbol."""
        self._take(quote.symbol).callback(quote)

    def fail(self, symbol: str = "ABC", reason: Refusal = Refusal.TIMEOUT) -> None:
        """Fail the oldest open fetch of a symbol."""
        self._take(symbol).errback(QuoteUnavailable(reason))

    def _take(self, symbol: str) -> Deferred[Quote]:
        place = next(n for n, (asked, _) in enumerate(self._open) if asked == symbol)
        return self._open.pop(place)[1]


class LinkDouble:
    """See `service.server.Link`.

    :ivar replies: the answers proper, with the ids of their requests.
    :ivar pushed: all that was told besides.
    """

    def __init__(self, role: AccessRole = AccessRole.NODE) -> None:
        self.name = role.value
        self.role = role
        self.is_lost = False
        self.is_congested = False
        self.replies: list[tuple[bytes, Message]] = []
        self.pushed: list[tuple[bytes, Message]] = []

    def reply(self, request_id: bytes, message: Message) -> None:
        self.replies.append((request_id, message))

    def reply_framed(self, frames: Sequence[Framed]) -> None:
        raise AssertionError(frames)

    def push(self, request_id: bytes, message: Message) -> None:
        self.pushed.append((request_id, message))

    @property
    def last_error(self) -> Error:
        """The newest answer, which must be a refusal."""
        _, message = self.replies[-1]
        assert isinstance(message, Error)
        return message
