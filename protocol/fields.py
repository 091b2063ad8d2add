"""The types of message fields, with the limits that the wire itself sets.

Everyone may import this. The wire bounds sizes only; whether a symbol or an amount makes sense is
for the ledger to judge, so that nonsense gets a numbered refusal and a line in the log instead of a
broken connection.
"""

import re
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

from protocol.money import INT64_MAX, INT64_MIN

Text = Annotated[str, Meta(max_length=255)]
"""Up to 255 characters."""

LongText = Annotated[str, Meta(max_length=4096)]
"""Error messages and log-in exchanges."""

Int64 = Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)]
Count = Annotated[int, Meta(ge=0, le=INT64_MAX)]
TransactionNum = Annotated[int, Meta(ge=1, le=INT64_MAX)]
"""The workload's line number (SPEC section 1)."""

Id = Annotated[bytes, Meta(min_length=16, max_length=16)]
"""A 128-bit command or request id, made by whoever asks."""

ID_BYTES = 16
RESERVED_BITS = 0xC0
"""A command id whose ninth byte has both of these bits set is the system's own, for what follows
from a command by itself; no UUID has them set, and no client may.
"""

NO_ID = bytes(ID_BYTES)
"""The id of messages that answer nothing: hello, heartbeat, drain."""

_NAMES_KEPT = 20_000
"""Names that were judged already: the same ones come again and again."""

_USER = re.compile(r"[A-Za-z0-9_.@-]{1,64}", re.ASCII)
_SYMBOL = re.compile(r"[A-Za-z]{1,3}", re.ASCII)


def is_reserved_id(command_id: bytes) -> bool:
    """Tell whether an id is one that only the system itself may give."""
    return command_id[8] & RESERVED_BITS == RESERVED_BITS


@lru_cache(_NAMES_KEPT)
def is_user(text: str) -> bool:
    """Tell whether `text` can name a user (SPEC section 1)."""
    return _USER.fullmatch(text) is not None


def account_name(user: str) -> str:
    """The account that a command for `user` is about; names of no user share the empty one."""
    return user if is_user(user) else ""


@lru_cache(_NAMES_KEPT)
def is_symbol(text: str) -> bool:
    """Tell whether `text` can name a stock, in either case (SPEC section 1)."""
    return _SYMBOL.fullmatch(text) is not None


def is_filename(text: str) -> bool:
    """Tell whether `text` can be the file name of a DUMPLOG: 1 to 255 printable characters."""
    return 1 <= len(text) <= 255 and text.isprintable()
