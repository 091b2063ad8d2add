"""Money as whole cents: reading amounts from text and writing them.

Everyone may import this. Amounts never become floats.
"""

import re
from typing import NewType

from protocol.errors import Code, TradeError

Cents = NewType("Cents", int)

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)

AMOUNT_MIN_CENTS = 1
AMOUNT_MAX_CENTS = 10_000_000_000_00
"""The range in which the ledger takes an amount (SPEC section 1, "Amount text")."""

_AMOUNT = re.compile(r"(-?)([0-9]{1,17})(?:\.([0-9]{1,2}))?", re.ASCII)


def parse_amount(text: str) -> Cents:
    """Read an amount of money (SPEC section 1, "Amount text").

    A leading minus is read, for the ledger to refuse; exponents, blanks, separators and more than
    two decimals raise `TradeError` BAD_AMOUNT_TEXT, as does what a signed 64-bit number of cents
    cannot hold.
    """
    match = _AMOUNT.fullmatch(text)
    if match is not None:
        sign, whole, decimals = match.groups()
        cents = int(whole) * 100 + int((decimals or "").ljust(2, "0"))
        signed = -cents if sign else cents
        if INT64_MIN <= signed <= INT64_MAX:
            return Cents(signed)
    shown = text if len(text) <= 24 else text[:24] + "..."
    raise TradeError(
        Code.BAD_AMOUNT_TEXT,
        f"{shown!r} is not an amount: write digits, and at most two after a point, as in 12.50",
    )


def format_cents(cents: int) -> str:
    """Write an amount with two digits after the point, as the audit log wants it (SPEC section
    4).
    """
    sign = "-" if cents < 0 else ""
    whole, part = divmod(abs(cents), 100)
    return f"{sign}{whole}.{part:02d}"
