"""What a rule says of a command, before it becomes a journal entry.

Imports only `protocol` and the account's own types.
"""

from enum import Enum
from typing import Final, final

from msgspec import Struct

from ledger.entry import Action, Movement, Posting
from protocol.errors import Code
from protocol.quote import Quote

_ADD, _RESERVE, _RELEASE, _REMOVE = Action


@final
class Effect(Struct, frozen=True, gc=False):
    """The command is accepted and the account was changed; the fields go into the entry."""

    quote: Quote | None = None
    price_cents: int = 0
    shares: int = 0
    total_cents: int = 0
    valid_until_ms: int = 0
    order_id: bytes = b""
    postings: tuple[Posting, ...] = ()
    movements: tuple[Movement, ...] = ()


@final
class Refusal(Struct, frozen=True, gc=False):
    """The command is refused and the account was not changed."""

    code: Code
    message: str
    quote: Quote | None = None


class PriceWanted(Enum):
    """All that can be judged without a price is in order; the rule wants one to go on."""

    PRICE_WANTED = 1


PRICE_WANTED: Final = PriceWanted.PRICE_WANTED

Outcome = Effect | Refusal | PriceWanted


class NoPrice(Struct, frozen=True, gc=False):
    """A price was asked for and could not be had."""

    reason: str


def add(amount_cents: int) -> Posting:
    """Cash grows."""
    return Posting(_ADD, amount_cents)


def reserve(amount_cents: int) -> Posting:
    """Cash becomes reserve."""
    return Posting(_RESERVE, amount_cents)


def release(amount_cents: int) -> Posting:
    """Reserve becomes cash."""
    return Posting(_RELEASE, amount_cents)


def remove(amount_cents: int) -> Posting:
    """Reserve is spent."""
    return Posting(_REMOVE, amount_cents)


def to_reserve(symbol: str, shares: int) -> tuple[Movement, ...]:
    """Shares leave the holding for the reserve; a negative number brings them back."""
    return (Movement(symbol, -shares, shares),) if shares else ()
