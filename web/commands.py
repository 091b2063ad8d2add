"""The sixteen commands as people and programs write them: names, fields, and texts to be read.

Pure. Pages, the JSON API and its description all come from the one table here.
"""

import hashlib
from collections.abc import Mapping

from msgspec import Struct

from protocol.errors import Code, TradeError
from protocol.fields import ID_BYTES, RESERVED_BITS
from protocol.messages import COMMANDS, Command
from protocol.money import parse_amount

SUMMARY = "DISPLAY_SUMMARY"
DUMPLOG = "DUMPLOG"
QUOTE = "QUOTE"
LOG_NAME = "daytrade-log.xml"


class Form(Struct, frozen=True):
    """A command as a form.

    :ivar fields: the names of its arguments, of `symbol` and `amount`.
    :ivar label: what a button says.
    :ivar amount_label: what the amount means here.
    """

    name: str
    label: str
    fields: tuple[str, ...]
    help: str
    amount_label: str = "Amount"

    @property
    def path(self) -> str:
        """The last part of its path in the API."""
        return self.name.lower().replace("_", "-")


_SYMBOL, _BOTH = ("symbol",), ("symbol", "amount")

FORMS = {
    form.name: form
    for form in (
        Form("ADD", "Add money", ("amount",), "Put money into the account; the first opens it."),
        Form(QUOTE, "Get quote", _SYMBOL, "Show the price of a stock."),
        Form("BUY", "Buy", _BOTH, "Reserve money for whole shares at the price now, for 60 s."),
        Form("COMMIT_BUY", "Commit buy", (), "Carry out the newest pending buy."),
        Form("CANCEL_BUY", "Cancel buy", (), "Give up the newest pending buy."),
        Form("SELL", "Sell", _BOTH, "Reserve shares worth up to the amount, for 60 s."),
        Form("COMMIT_SELL", "Commit sell", (), "Carry out the newest pending sell."),
        Form("CANCEL_SELL", "Cancel sell", (), "Give up the newest pending sell."),
        Form("SET_BUY_AMOUNT", "Set buy amount", _BOTH, "Set money aside for a buy trigger."),
        Form(
            "SET_BUY_TRIGGER",
            "Set buy trigger",
            _BOTH,
            "Buy by itself once the price is this low.",
            "Price at most",
        ),
        Form("CANCEL_SET_BUY", "Cancel set buy", _SYMBOL, "Take the buy trigger away."),
        Form("SET_SELL_AMOUNT", "Set sell amount", _BOTH, "Note how much a trigger is to sell."),
        Form(
            "SET_SELL_TRIGGER",
            "Set sell trigger",
            _BOTH,
            "Sell by itself once the price is this high.",
            "Price at least",
        ),
        Form("CANCEL_SET_SELL", "Cancel set sell", _SYMBOL, "Take the sell trigger away."),
        Form(DUMPLOG, "Dump log", (), "Download everything logged about the account, as XML."),
        Form(SUMMARY, "Display summary", (), "Show the account with its newest history."),
    )
}
assert FORMS.keys() == COMMANDS.keys()


def form_of(name: str) -> Form:
    """The command of this name; raises `TradeError` UNKNOWN_COMMAND."""
    form = FORMS.get(name)
    if form is None:
        raise TradeError(Code.UNKNOWN_COMMAND, "there is no such command")
    return form


def read_arguments(form: Form, given: Mapping[str, str]) -> dict[str, object]:
    """The command's own arguments from texts; raises `TradeError`.

    Whether a symbol or an amount makes sense is for the node to judge.
    """
    arguments: dict[str, object] = {}
    for name in form.fields:
        text = given.get(name, "").strip()
        if not text:
            raise TradeError(Code.WRONG_ARGUMENTS, f"{form.label}: the {name} is missing")
        if name == "amount":
            arguments["amount_cents"] = parse_amount(text)
        elif len(text) > 255:
            raise TradeError(Code.BAD_SYMBOL, "a symbol has 1 to 3 letters")
        else:
            arguments[name] = text.upper()
    return arguments


def make_command(
    form: Form, user: str, transaction_num: int, arguments: Mapping[str, object]
) -> Command:
    """The command itself; a log's name stays with the browser that asks for it."""
    more = dict(arguments)
    if form.name == DUMPLOG:
        more["filename"] = LOG_NAME
    return COMMANDS[form.name](user=user, transaction_num=transaction_num, **more)


def id_from(*parts: str) -> bytes:
    """A command id that the same parts give again, marked as a UUID marks its own."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()[:ID_BYTES]
    marked = digest[8] & ~RESERVED_BITS | 0x80
    return digest[:8] + bytes([marked]) + digest[9:]
