"""The journal entry: what one decision did, whole enough to answer, to audit and to replay from.

Imports only `protocol`. An entry is written once, in the transaction that changes the account, and
is three things in one: the idempotency record of its command, a line of the user's history, and the
message to the audit log.
"""

import hashlib
from enum import IntEnum
from typing import Any

import msgspec
from msgspec import Struct

from protocol.errors import OK, Code
from protocol.messages import (
    KINDS,
    Command,
    HistoryLine,
    QuoteRequest,
    Receipt,
    Refused,
)
from protocol.quote import Quote


class Cause(IntEnum):
    """Who made an entry: a command, the clock, or a price.

    HIT is a price that no command asked for: it is recorded for the bill alone.
    """

    COMMAND = 0
    LAPSE = 1
    FIRING = 2
    HIT = 3


class Action(IntEnum):
    """What a posting does to money (SPEC section 4, "accountTransaction actions")."""

    ADD = 1
    RESERVE = 2
    RELEASE = 3
    REMOVE = 4


class Posting(Struct, frozen=True, gc=False, array_like=True):
    """One change of cash or reserve; the amount is always greater than 0."""

    action: Action
    amount_cents: int


class Movement(Struct, frozen=True, gc=False, array_like=True):
    """Shares of one stock that came to or left the holding and the reserve."""

    symbol: str
    holding: int
    reserve: int


class Entry(Struct, frozen=True, gc=False, array_like=True):
    """One decision about one user.

    :ivar seq: the user's journal sequence number, from 1 without gaps.
    :ivar command_id: the client's id; for a lapse or a firing, one derived from the order's.
    :ivar kind: the kind byte of the command; a lapse bears CANCEL_*'s, a firing SET_*_TRIGGER's.
    :ivar symbol: as the command had it, however odd.
    :ivar quote: the price that decided, with the hit behind it, or None.
    :ivar price_cents: the quote's price; for COMMIT_* and CANCEL_* that of the order.
    :ivar order_id: the command that placed the order, or armed the trigger, that this ended.
    """

    user: str
    seq: int
    command_id: bytes
    kind: int
    cause: Cause
    transaction_num: int
    decided_ms: int
    code: Code = Code.OK
    message: str = ""
    symbol: str = ""
    amount_cents: int = 0
    filename: str = ""
    quote: Quote | None = None
    price_cents: int = 0
    shares: int = 0
    total_cents: int = 0
    valid_until_ms: int = 0
    order_id: bytes = b""
    postings: tuple[Posting, ...] = ()
    movements: tuple[Movement, ...] = ()

    @property
    def name(self) -> str:
        """The command's name, as workload files and the audit log write it."""
        kind: Any = KINDS[self.kind]
        return str(kind.NAME)


def hit_entry(quote: Quote, transaction_num: int, at_ms: int) -> Entry:
    """A price that came in, written down for the bill alone: it is about nobody's account.

    Whoever used the price tells the same hit again; the audit daemon tells it once.
    """
    hit_id = hashlib.sha256(" ".join(map(str, quote.hit)).encode()).digest()[:16]
    kind = QuoteRequest.KIND
    return Entry("", 0, hit_id, kind, Cause.HIT, transaction_num, at_ms, quote=quote)


encode_entry = msgspec.msgpack.Encoder().encode
decode_entry = msgspec.msgpack.Decoder(Entry).decode


def is_same_command(entry: Entry, command: Command) -> bool:
    """Tell whether a command sent under an entry's id is the command that the entry recorded."""
    return (
        entry.cause is Cause.COMMAND
        and entry.kind == command.KIND
        and entry.user == command.user
        and entry.transaction_num == command.transaction_num
        and (entry.symbol, entry.amount_cents, entry.filename) == command.arguments()
    )


def reply_of(entry: Entry) -> Receipt | Refused:
    """The reply that the entry stands for, the same however often it is asked for."""
    quoted_ms = 0 if entry.quote is None else entry.quote.quoted_ms
    if entry.code is not OK:
        return Refused(
            entry.code, entry.message, entry.seq, entry.decided_ms, entry.price_cents, quoted_ms
        )
    return Receipt(
        entry.seq,
        entry.decided_ms,
        entry.price_cents,
        quoted_ms,
        entry.shares,
        entry.total_cents,
        entry.valid_until_ms,
    )


_HISTORY_NAMES = {
    (cause, kind): name.format(cls.NAME)
    for kind, cls in KINDS.items()
    if issubclass(cls, Command)
    for cause, name in (
        (Cause.COMMAND, "{}"),
        (Cause.LAPSE, "{} (lapsed)"),
        (Cause.FIRING, "{} (fired)"),
    )
}


def history_line(entry: Entry) -> HistoryLine:
    """The entry as DISPLAY_SUMMARY shows it."""
    return HistoryLine(
        entry.seq,
        entry.decided_ms,
        entry.transaction_num,
        _HISTORY_NAMES[entry.cause, entry.kind],
        entry.code,
        entry.symbol,
        entry.amount_cents,
        entry.price_cents,
        entry.shares,
        entry.total_cents,
    )
