"""A price as the legacy quote server gave it.

Everyone may import this. A quote never changes once it was answered: whatever uses the price
carries the whole answer along, so that the hit behind it can be billed exactly once (SPEC section
4, "Hits").
"""

from msgspec import Struct

QUOTE_TTL_MS = 60_000
"""A price may be used until it is this old by the quote server's own timestamp (SPEC section 1)."""

HIT_CENTS = 5
"""What each answer of the quote server is charged (SPEC section 1)."""


class Quote(Struct, frozen=True, gc=False, array_like=True):
    """One answered hit on the legacy quote server.

    :ivar symbol: 1 to 3 upper-case ASCII letters.
    :ivar price_cents: greater than 0.
    :ivar quoted_ms: the quote server's own timestamp, Unix milliseconds.
    :ivar cryptokey: the server's signature of the answer, as text.
    :ivar asker: the user in whose name the price was asked for.
    """

    symbol: str
    price_cents: int
    quoted_ms: int
    cryptokey: str
    asker: str

    @property
    def hit(self) -> tuple[str, int, str]:
        """What tells one hit from all others: symbol, the server's time, cryptokey."""
        return self.symbol, self.quoted_ms, self.cryptokey

    @property
    def valid_until_ms(self) -> int:
        """The last moment, Unix ms by the quote server's clock, at which the price may decide a
        trade.
        """
        return self.quoted_ms + QUOTE_TTL_MS
