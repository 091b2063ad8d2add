"""Journal entries as records of the audit log (SPEC section 4).

Pure; may be imported by everyone above `ledger`. Every record that leaves here fits the schema:
what the schema cannot hold is left out, and named in the errorMessage of the refusal.
"""

from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from ledger.entry import Action, Cause, Entry
from protocol.errors import Code
from protocol.fields import is_symbol, is_user
from protocol.messages import COMMANDS, Add, AmountCommand, DumpLog, SymbolCommand
from protocol.money import format_cents
from protocol.quote import Quote


class RecordKind(StrEnum):
    """The kinds of record, by their XML names."""

    USER_COMMAND = "userCommand"
    QUOTE_SERVER = "quoteServer"
    ACCOUNT_TRANSACTION = "accountTransaction"
    SYSTEM_EVENT = "systemEvent"
    ERROR_EVENT = "errorEvent"
    DEBUG_EVENT = "debugEvent"


Fields = tuple[tuple[str, str], ...]
"""Names and texts, in the order in which they are written."""


class Record(Struct, frozen=True, gc=False):
    """One element of the log, all of it text."""

    kind: RecordKind
    fields: Fields


COMMAND_KINDS = frozenset(cls.KIND for cls in COMMANDS.values())
_WITH_SYMBOL = frozenset(c.KIND for c in COMMANDS.values() if issubclass(c, SymbolCommand))
_WITH_AMOUNT = frozenset(c.KIND for c in COMMANDS.values() if issubclass(c, AmountCommand | Add))
_EVENT_CAUSES = frozenset([Cause.LAPSE, Cause.FIRING])
_ACTION_NAMES = {action: action.name.lower() for action in Action}
_CODE_TEXTS = {code: f"{int(code)} {code.name}: " for code in Code}
_fits_user = lru_cache(100_000)(is_user)
_fits_symbol = lru_cache(10_000)(is_symbol)


HIT_STREAM = "/hits-"
"""What the name of a stream holds that tells hits alone, and so is not one of the ledger's."""


def is_hit_stream(name: str) -> bool:
    """Tell whether a stream tells hits alone."""
    return HIT_STREAM in name


def server_of(stream: str) -> str:
    """The server that a stream belongs to: its name up to the slash."""
    return stream.partition("/")[0]


def records_of(entry: Entry, server: str, bears_hit: bool) -> list[Record]:
    """The records of one journal entry, in the order of the log.

    :param bears_hit: this entry is the one that tells of the hit behind its quote.
    """
    heading: Fields = (
        ("timestamp", str(entry.decided_ms)),
        ("server", server),
        ("transactionNum", str(entry.transaction_num)),
    )
    records = []
    command: Fields = ()
    left_out: list[str] = []
    if entry.cause is Cause.COMMAND:
        command, left_out = _command(entry)
        records.append(Record(RecordKind.USER_COMMAND, heading + command))
    if entry.quote is not None and bears_hit:
        records.append(Record(RecordKind.QUOTE_SERVER, heading + _hit(entry.quote)))
    if entry.cause in _EVENT_CAUSES or (
        entry.cause is Cause.COMMAND and entry.quote is not None and not bears_hit
    ):
        records.append(Record(RecordKind.SYSTEM_EVENT, heading + _event(entry)))
    for posting in entry.postings:
        change = (
            ("action", _ACTION_NAMES[posting.action]),
            ("username", entry.user),
            ("funds", format_cents(posting.amount_cents)),
        )
        records.append(Record(RecordKind.ACCOUNT_TRANSACTION, heading + change))
    if entry.code is not Code.OK:
        reason = ("errorMessage", _error_message(entry, left_out))
        records.append(Record(RecordKind.ERROR_EVENT, (*heading, *command, reason)))
    return records


def _command(entry: Entry) -> tuple[Fields, list[str]]:
    """The command and its arguments, and those that the schema cannot hold."""
    fields = [("command", entry.name)]
    left_out = []

    def tell(name: str, text: str, fits: bool) -> None:
        if fits:
            fields.append((name, text))
        else:
            left_out.append(f"{name} {text!r}")

    if entry.user or entry.kind != DumpLog.KIND:
        tell("username", entry.user, _fits_user(entry.user))
    if entry.kind in _WITH_SYMBOL:
        fits = _fits_symbol(entry.symbol)
        tell("stockSymbol", entry.symbol.upper() if fits else entry.symbol, fits)
    if entry.kind == DumpLog.KIND:
        tell("filename", entry.filename, entry.filename.isprintable())
    if entry.kind in _WITH_AMOUNT:
        fields.append(("funds", format_cents(entry.amount_cents)))
    return tuple(fields), left_out


def _hit(quote: Quote) -> Fields:
    """The answer of the legacy server, as it is billed."""
    return (
        ("price", format_cents(quote.price_cents)),
        ("stockSymbol", quote.symbol),
        ("username", _printable(quote.asker)),
        ("quoteServerTime", str(quote.quoted_ms)),
        ("cryptokey", _printable(quote.cryptokey)),
    )


def _event(entry: Entry) -> Fields:
    """What the system did: used a price it had, let a trigger fire or an order lapse."""
    funds_cents = entry.amount_cents if entry.quote is None else entry.quote.price_cents
    return (
        ("command", entry.name),
        ("username", entry.user),
        ("stockSymbol", entry.symbol.upper()),
        ("funds", format_cents(funds_cents)),
    )


def _error_message(entry: Entry, left_out: list[str]) -> str:
    reason = _CODE_TEXTS[entry.code] + _printable(entry.message)
    if not left_out:
        return reason
    return f"{reason} (not fit for the log and left out: {', '.join(left_out)})"


def _printable(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
