"""What may be kept: entries and events that can be told later on, whoever reads the log then.

Pure; used by `audit.database`.
"""

from collections.abc import Set
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from audit.batch_users import pack_hashes, user_hash
from audit.records import COMMAND_KINDS
from audit.security import SecurityEvent, decode_event
from ledger.entry import Entry
from protocol.errors import Code, TradeError
from protocol.fields import Count, Int64
from protocol.quote import Quote

_CommandKind = Annotated[int, Meta(ge=min(COMMAND_KINDS), le=max(COMMAND_KINDS))]


class _FitQuote(Quote, frozen=True, gc=False, array_like=True):
    """A price whose hit can be found again."""

    quoted_ms: Int64


class _FitEntry(Entry, frozen=True, gc=False, array_like=True):
    """An entry that makes a record: the decoder judges it, for a fraction of what Python takes."""

    kind: _CommandKind
    transaction_num: Annotated[int, Meta(ge=1)]
    decided_ms: Count
    quote: _FitQuote | None = None


_decode_fit_entry = msgspec.msgpack.Decoder(_FitEntry).decode


class BadEntries(TradeError):
    """What was sent cannot be kept, because it could never be told."""

    def __init__(self, reason: str) -> None:
        super().__init__(Code.BAD_BODY, reason)


class Batch(Struct, frozen=True):
    """What is kept of a batch besides its entries.

    :ivar users: whose entries it holds; see `audit.batch_users`.
    :ivar first_ms: when the first entry was decided, Unix ms; `last_ms`, when the last was.
    :ivar unsettled: the entries with a hit of which it is still to be said who bears it, with
        their places in the batch.
    """

    users: bytes
    first_ms: int
    last_ms: int
    unsettled: list[tuple[int, Entry]]


def understand_entries(stream: str, encoded: list[bytes], settled: Set[Quote]) -> Batch:
    """Look through journal entries, of which there is at least one; raises `BadEntries` for what
    could not be told as XML.

    :param settled: prices with a hit that some entry bears for good.
    """
    _check_name(stream)
    users: set[int] = set()
    unsettled: list[tuple[int, Entry]] = []
    try:
        first_ms = _decode_fit_entry(encoded[0]).decided_ms
        # No entry is held for longer than a step: a whole batch of them would be fetched from
        # memory that no cache of the processor has, which takes longer than to decode it.
        for place, entry in enumerate(map(_decode_fit_entry, encoded)):
            users.add(user_hash(entry.user))
            if (quote := entry.quote) is not None and quote not in settled:
                unsettled.append((place, entry))
    except (ValueError, RecursionError) as error:
        raise BadEntries(f"an entry of stream {stream} cannot be kept: {error}") from None
    return Batch(pack_hashes(users), first_ms, entry.decided_ms, unsettled)


def understand_events(stream: str, encoded: list[bytes]) -> list[SecurityEvent]:
    """Decode security events; raises `BadEntries` for what could forge a line of the log."""
    _check_name(stream)
    try:
        events = list(map(decode_event, encoded))
    except (ValueError, RecursionError) as error:
        raise BadEntries(f"an event of stream {stream} cannot be read: {error}") from None
    if not all(event.can_be_told for event in events):
        raise BadEntries(f"an event of stream {stream} has text that cannot be printed")
    return events


def _check_name(stream: str) -> None:
    if not stream.isprintable() or not stream:
        raise BadEntries("the name of a stream is printable")
