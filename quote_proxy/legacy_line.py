"""The two lines of the legacy quote server's dialogue, read and written (SPEC section 3).

Anyone may import this; it is pure. Every field of an answer is checked before it becomes a `Quote`:
what is cut off, doubled, meant for someone else or not above zero never leaves this module.
"""

import re

from protocol.fields import is_symbol, is_user
from protocol.money import format_cents, parse_amount
from protocol.quote import Quote
from quote_proxy.source import Refusal

ANSWER_BYTES_MAX = 512
REQUEST_BYTES_MAX = 128

NOT_ACCEPTED_USER = "NA"
"""The user in the answer to bad input. A user of this very name cannot be told from it and gets no
prices.
"""

_PRICE = re.compile(r"[0-9]{1,12}\.[0-9]{2}", re.ASCII)
_TIMESTAMP_MS = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
_CRYPTOKEY = re.compile(r"[A-Za-z0-9+/=]{1,255}", re.ASCII)
_REQUEST = re.compile(r"([^,]*), ?([^,]*)")


class BadAnswer(Exception):
    """The server's answer is no quote for this request; `reason` says which check it failed."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


def request_line(symbol: str, user: str) -> bytes:
    """Write the request for one price.

    Raises ValueError if the symbol is not 1 to 3 upper-case letters or the user has no valid name:
    a stray comma or line end would ask, and pay, for something else.
    """
    if not (is_symbol(symbol) and symbol.isupper() and is_user(user)):
        raise ValueError(f"cannot ask for symbol {symbol!r} in the name of {user!r}")
    return f"{symbol},{user}\n".encode("ascii")


def parse_request(line: bytes) -> tuple[str, str] | None:
    """Read a request without its line end: symbol and user as sent, or None if it is bad input.

    One blank after the comma is taken, as some clients send one.
    """
    match = _REQUEST.fullmatch(line.decode("latin-1"))
    if match is None:
        return None
    symbol, user = match.groups()
    return (symbol, user) if is_symbol(symbol) and is_user(user) else None


def answer_line(quote: Quote) -> bytes:
    """Write an answer the way the legacy server does."""
    price = format_cents(quote.price_cents)
    fields = (price, quote.symbol, quote.asker, str(quote.quoted_ms), quote.cryptokey)
    return f"{','.join(fields)}\n".encode("ascii")


def parse_answer(received: bytes, symbol: str, user: str) -> Quote:
    """Read all bytes the server sent before it closed, as the answer to `symbol` and `user`.

    Raises `BadAnswer` for anything but one complete line with this symbol, this user, a price above
    zero, a time in whole Unix ms and a cryptokey.
    """
    fields = _sole_line(received).split(",")
    if NOT_ACCEPTED_USER in (fields[0], fields[2] if len(fields) > 2 else None):
        raise BadAnswer(Refusal.NOT_ACCEPTED)
    if len(fields) != 5:
        raise BadAnswer(Refusal.MALFORMED)
    price, symbol_echo, user_echo, quoted_ms, cryptokey = fields
    if symbol_echo != symbol:
        raise BadAnswer(Refusal.SYMBOL)
    if user_echo != user:
        raise BadAnswer(Refusal.USER)
    price_cents = parse_amount(price) if _PRICE.fullmatch(price) else 0
    if price_cents <= 0:
        raise BadAnswer(Refusal.PRICE)
    if _TIMESTAMP_MS.fullmatch(quoted_ms) is None:
        raise BadAnswer(Refusal.TIMESTAMP)
    if _CRYPTOKEY.fullmatch(cryptokey) is None:
        raise BadAnswer(Refusal.CRYPTOKEY)
    return Quote(symbol, price_cents, int(quoted_ms), cryptokey, user)


def _sole_line(received: bytes) -> str:
    if not received:
        raise BadAnswer(Refusal.EMPTY)
    if len(received) > ANSWER_BYTES_MAX:
        raise BadAnswer(Refusal.TOO_LONG)
    line, line_end, rest = received.partition(b"\n")
    if not line_end:
        raise BadAnswer(Refusal.TRUNCATED)
    if rest:
        raise BadAnswer(Refusal.SEVERAL_LINES)
    if not line.isascii():
        raise BadAnswer(Refusal.MALFORMED)
    return line.decode("ascii")
