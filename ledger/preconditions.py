"""What must hold before a command may change anything, each check said once.

Pure, and used by the rules alone. A check returns the refusal, or None when all is well; the rules
string them together in the order of SPEC section 1, "Order of checks".
"""

from msgspec import Struct

from ledger.account import Account
from ledger.outcome import NoPrice, Refusal
from protocol.errors import Code
from protocol.fields import is_symbol, is_user
from protocol.money import AMOUNT_MAX_CENTS, AMOUNT_MIN_CENTS, INT64_MAX, format_cents
from protocol.quote import Quote


class Decision(Struct, frozen=True, gc=False):
    """What a rule may know besides the account and the command.

    :ivar price: the quote, or why there is none, or None where nobody has asked for one yet.
    """

    command_id: bytes
    now_ms: int
    price: Quote | NoPrice | None


def bad_user(user: str) -> Refusal | None:
    """The name cannot be a user's."""
    if is_user(user):
        return None
    return Refusal(Code.BAD_USER, "a user is 1 to 64 of the characters A-Z a-z 0-9 _ - . @")


_NO_ACCOUNT = Refusal(Code.UNKNOWN_USER, "there is no account of this name: ADD money first")


def no_account(account: Account) -> Refusal | None:
    """Nobody of this name ever added money."""
    if account.exists:
        return None
    return _NO_ACCOUNT


def bad_symbol(symbol: str) -> Refusal | None:
    """The symbol cannot be a stock's."""
    if is_symbol(symbol):
        return None
    return Refusal(Code.BAD_SYMBOL, "a stock symbol is 1 to 3 letters")


def bad_amount(amount_cents: int) -> Refusal | None:
    """The amount, or the trigger's price, is out of range."""
    if AMOUNT_MIN_CENTS <= amount_cents <= AMOUNT_MAX_CENTS:
        return None
    return Refusal(
        Code.BAD_AMOUNT,
        f"{format_cents(amount_cents)} is out of range: "
        f"{format_cents(AMOUNT_MIN_CENTS)} to {format_cents(AMOUNT_MAX_CENTS)} is taken",
    )


def cash_overflow(account: Account, incoming_cents: int) -> Refusal | None:
    """The money of the account would pass what 64 bits hold."""
    if account.cash_cents + account.reserve_cents + incoming_cents <= INT64_MAX:
        return None
    return Refusal(Code.SUM_TOO_LARGE, "no account can hold that much money")


def no_price(price: NoPrice) -> Refusal:
    """A price is needed and cannot be had."""
    return Refusal(Code.QUOTE_UNAVAILABLE, f"no price can be had now, try again: {price.reason}")


def too_small_for_a_share(amount_cents: int, price_cents: int, quote: Quote | None) -> Refusal:
    """The amount is less than one share's price."""
    return Refusal(
        Code.AMOUNT_TOO_SMALL_FOR_A_SHARE,
        f"{format_cents(amount_cents)} is less than one share at {format_cents(price_cents)}",
        quote,
    )


def too_few_shares(symbol: str, holding: int, wanted: int, quote: Quote | None) -> Refusal:
    """The holding is smaller than what is to be sold."""
    return Refusal(
        Code.INSUFFICIENT_HOLDING,
        f"the holding of {symbol} is {holding} free shares, {wanted} are needed",
        quote,
    )
