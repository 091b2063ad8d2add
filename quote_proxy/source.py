"""Where prices come from, and why one may be missing.

Everyone above `protocol` may import this. A `QuoteSource` either gives a price that may decide a
trade or fails with `QuoteUnavailable`; it never gives a doubtful one.
"""

from enum import StrEnum
from typing import Protocol

from msgspec import Struct
from twisted.internet.defer import Deferred

from protocol.errors import Code, TradeError
from protocol.quote import Quote


class Refusal(StrEnum):
    """Why a price was not to be had; the value is the sentence a user may read."""

    # The server gave no answer.
    UNREACHABLE = "the quote server cannot be reached"
    TIMEOUT = "the quote server did not answer in time"
    RESET = "the quote server broke the connection"

    # It answered, with something that is no price for us.
    EMPTY = "the quote server closed without an answer"
    TOO_LONG = "the answer is too long"
    TRUNCATED = "the answer is cut off"
    SEVERAL_LINES = "the answer has more than one line"
    MALFORMED = "the answer is not a quote"
    NOT_ACCEPTED = "the quote server refused the request as bad input"
    SYMBOL = "the answer is for another symbol"
    USER = "the answer is for another user"
    PRICE = "the answer has no price above zero with two decimals"
    TIMESTAMP = "the answer has no usable time"
    CRYPTOKEY = "the answer has no cryptokey"
    CLOCK = "the answer's time is far from the time of the request"

    # We gave up.
    OUTAGE = "the quote server is away"
    DEADLINE = "no answer before the deadline"
    QUEUE_FULL = "too many requests for prices are waiting"
    EXPIRED = "the price was too old when it came"
    INTERNAL = "the price could not be fetched"


class QuoteUnavailable(TradeError):
    """No price that may decide a trade is to be had now."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(Code.QUOTE_UNAVAILABLE, f"no price now: {reason}; ask again later")
        self.reason = reason


class HeldQuote(Struct, frozen=True, gc=False):
    """A price that somebody has held for us, and for how long from now it may be used."""

    quote: Quote
    usable_ms: int


class QuoteSource(Protocol):
    """Anything that prices can be fetched from: the legacy server, or a proxy before it."""

    def fetch(
        self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
    ) -> Deferred[Quote] | Deferred[HeldQuote]:
        """Ask for the price of `symbol` in the name of `user`, for its command of this number.

        `ahead` says that a price is held still, and the one after it is wanted.

        The Deferred is the caller's own: it fires with a price for exactly this symbol, or fails
        with `QuoteUnavailable`.
        """
        ...


class PriceFeed(Protocol):
    """Where new prices are pushed from."""

    def watch(self, symbol: str, user: str, transaction_num: int, *, passive: bool = False) -> None:
        """Push each new price of a symbol from now on, and see to it that there is one at every
        moment; passively, only push what others have asked for.
        """

    def unwatch(self, symbol: str) -> None:
        """Push no more of a symbol."""
