"""What can be wrong with the legacy quote server, on demand.

For the double and its control. Each fault is one of those SPEC section 3 warns of, or one that a
client which checks too little would fall for.
"""

from collections.abc import Callable
from enum import StrEnum

from msgspec.structs import replace

from protocol.money import format_cents
from protocol.quote import Quote
from quote_proxy.legacy_line import NOT_ACCEPTED_USER, answer_line

OFF_BY_MS = 120_000
"""How far the time is off in an answer with an old or a future timestamp."""

SLOW_S = 10.0
"""What `slow` adds to the delay: past any client's patience."""


class Fault(StrEnum):
    """The value is the name by which the control port knows the fault."""

    NONE = "none"

    # No answer, or a late one.
    DOWN = "down"
    HANG = "hang"
    RESET = "reset"
    SLOW = "slow"

    # An answer that must not reach a trade.
    TRUNCATED = "truncated"
    WRONG_SYMBOL = "wrong-symbol"
    WRONG_USER = "wrong-user"
    NEGATIVE_PRICE = "negative-price"
    ZERO_PRICE = "zero-price"
    THREE_DECIMALS = "three-decimals"
    NOT_ACCEPTED = "na"
    SEVERAL_LINES = "several-lines"
    GARBAGE = "garbage"
    OLD_TIMESTAMP = "old-timestamp"
    FUTURE_TIMESTAMP = "future-timestamp"


def _another_symbol(quote: Quote) -> bytes:
    return answer_line(replace(quote, symbol="B" if quote.symbol == "A" else "A"))


def _three_decimals(quote: Quote) -> bytes:
    price = format_cents(quote.price_cents).encode()
    return answer_line(quote).replace(price, price + b"5", 1)


def _garbage(quote: Quote) -> bytes:
    return bytes(0x80 | byte for byte in answer_line(quote)[:-1]) + b"\n"


_SPOILED: dict[Fault, Callable[[Quote], bytes]] = {
    Fault.TRUNCATED: lambda quote: answer_line(quote)[:-5],
    Fault.WRONG_SYMBOL: _another_symbol,
    Fault.WRONG_USER: lambda quote: answer_line(replace(quote, asker=f"not-{quote.asker}")),
    Fault.NEGATIVE_PRICE: lambda quote: answer_line(replace(quote, price_cents=-quote.price_cents)),
    Fault.ZERO_PRICE: lambda quote: answer_line(replace(quote, price_cents=0)),
    Fault.THREE_DECIMALS: _three_decimals,
    Fault.NOT_ACCEPTED: lambda quote: answer_line(replace(quote, asker=NOT_ACCEPTED_USER)),
    Fault.SEVERAL_LINES: lambda quote: answer_line(quote) * 2,
    Fault.GARBAGE: _garbage,
    Fault.OLD_TIMESTAMP: lambda quote: answer_line(
        replace(quote, quoted_ms=quote.quoted_ms - OFF_BY_MS)
    ),
    Fault.FUTURE_TIMESTAMP: lambda quote: answer_line(
        replace(quote, quoted_ms=quote.quoted_ms + OFF_BY_MS)
    ),
}


def answer_with(fault: Fault, quote: Quote) -> bytes:
    """Write the answer to a request, spoiled as `fault` says."""
    return _SPOILED.get(fault, answer_line)(quote)
