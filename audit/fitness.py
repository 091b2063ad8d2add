"""What may be kept: entries and events that can be told later on, whoever reads the log then.

Pure; used by `audit.database`.
"""

from audit.records import COMMAND_KINDS
from audit.security import SecurityEvent, decode_event
from ledger.entry import Entry, decode_entry
from protocol.errors import Code, TradeError
from protocol.money import INT64_MAX, INT64_MIN


class BadEntries(TradeError):
    """What was sent cannot be kept, because it could never be told."""

    def __init__(self, reason: str) -> None:
        super().__init__(Code.BAD_BODY, reason)


def understand_entries(stream: str, encoded: list[bytes]) -> list[Entry]:
    """Decode journal entries; raises `BadEntries` for what could not be told as XML."""
    _check_name(stream)
    try:
        entries = list(map(decode_entry, encoded))
    except (ValueError, RecursionError) as error:
        raise BadEntries(f"an entry of stream {stream} cannot be read: {error}") from None
    for entry in entries:
        if not _can_be_told(entry):
            raise BadEntries(f"entry {entry.seq} of user {entry.user!r} makes no record")
    return entries


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


def _can_be_told(entry: Entry) -> bool:
    quoted_ms = 0 if entry.quote is None else entry.quote.quoted_ms
    return (
        entry.kind in COMMAND_KINDS
        and entry.transaction_num >= 1
        and 0 <= entry.decided_ms <= INT64_MAX
        and INT64_MIN <= quoted_ms <= INT64_MAX
    )
