"""Which records an entry becomes, and in which order (SPEC section 4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from audit.records import Record, RecordKind, records_of, server_of
from audit.schema import load_schema
from audit.xml import xml_chunks
from ledger.entry import Action, Cause, Entry, Posting
from protocol.errors import Code
from protocol.messages import COMMANDS
from protocol.quote import Quote
from tests.audit.journal import START_MS, Journal, Step, plain_entry, steps

QUOTE = Quote("ABC", 1_234, START_MS - 5, "k+/=", "asker")
SCHEMA = load_schema()

HEADING = (("timestamp", str(START_MS)), ("server", "node-1"), ("transactionNum", "7"))


def entry(name: str, **changes: object) -> Entry:
    """An entry of this command, as transaction 7 of ann."""
    return replace(
        plain_entry(1), kind=COMMANDS[name].KIND, transaction_num=7, **{"user": "ann", **changes}
    )


def told(decided: Entry, *, bears_hit: bool = False) -> list[tuple[str, dict[str, str]]]:
    """The records of an entry, each without what all have in common."""
    records = records_of(decided, "node-1", bears_hit)
    assert all(record.fields[:3] == HEADING for record in records)
    return [(record.kind.value, dict(record.fields[3:])) for record in records]


def test_the_server_is_the_stream_up_to_the_slash() -> None:
    assert (server_of("node-1/0"), server_of("triggers")) == ("node-1", "triggers")


def test_an_add_is_told_as_the_command_and_the_change() -> None:
    decided = entry("ADD", amount_cents=1_050, postings=(Posting(Action.ADD, 1_050),))
    assert told(decided) == [
        ("userCommand", {"command": "ADD", "username": "ann", "funds": "10.50"}),
        ("accountTransaction", {"action": "add", "username": "ann", "funds": "10.50"}),
    ]


BUY = entry(
    "BUY",
    symbol="abc",
    amount_cents=5_000,
    quote=QUOTE,
    postings=(Posting(Action.RESERVE, 4_936),),
)
BUY_COMMAND = {"command": "BUY", "username": "ann", "stockSymbol": "ABC", "funds": "50.00"}
RESERVED = ("accountTransaction", {"action": "reserve", "username": "ann", "funds": "49.36"})


def test_the_entry_that_bears_the_hit_tells_the_bill_between_command_and_change() -> None:
    hit = {
        "price": "12.34",
        "stockSymbol": "ABC",
        "username": "asker",
        "quoteServerTime": str(START_MS - 5),
        "cryptokey": "k+/=",
    }
    assert told(BUY, bears_hit=True) == [
        ("userCommand", BUY_COMMAND),
        ("quoteServer", hit),
        RESERVED,
    ]


def test_any_other_entry_with_that_price_tells_of_a_price_from_a_cache() -> None:
    cached = {"command": "BUY", "username": "ann", "stockSymbol": "ABC", "funds": "12.34"}
    assert told(BUY) == [("userCommand", BUY_COMMAND), ("systemEvent", cached), RESERVED]


def test_a_commit_tells_neither_hit_nor_cache() -> None:
    commit = entry("COMMIT_BUY", price_cents=1_234, postings=(Posting(Action.REMOVE, 4_936),))
    kinds = [kind for kind, _ in told(commit)]
    assert kinds == ["userCommand", "accountTransaction"]


FIRING = entry(
    "SET_BUY_TRIGGER",
    cause=Cause.FIRING,
    symbol="ABC",
    amount_cents=5_000,
    quote=QUOTE,
    postings=(Posting(Action.REMOVE, 4_936), Posting(Action.RELEASE, 64)),
)


@pytest.mark.parametrize("bears_hit", [True, False])
def test_a_firing_is_an_event_at_its_price_whether_or_not_it_bears_the_hit(bears_hit: bool) -> None:
    records = told(FIRING, bears_hit=bears_hit)
    kinds = [kind for kind, _ in records]
    assert kinds == [
        *["quoteServer"] * bears_hit,
        "systemEvent",
        "accountTransaction",
        "accountTransaction",
    ]
    event = dict(records)["systemEvent"]
    assert (event["command"], event["funds"]) == ("SET_BUY_TRIGGER", "12.34")
    actions = [fields["action"] for kind, fields in records if kind == "accountTransaction"]
    assert actions == ["remove", "release"]


def test_a_lapse_is_an_event_and_no_command() -> None:
    lapse = entry("CANCEL_BUY", cause=Cause.LAPSE, symbol="ABC", amount_cents=4_936)
    event = {"command": "CANCEL_BUY", "username": "ann", "stockSymbol": "ABC", "funds": "49.36"}
    assert told(lapse) == [("systemEvent", event)]


@pytest.mark.parametrize(("bears_hit", "kinds"), [(True, ["quoteServer"]), (False, [])])
def test_a_watched_price_is_a_line_of_the_bill_and_nothing_else(
    bears_hit: bool, kinds: list[str]
) -> None:
    watched = entry("QUOTE", cause=Cause.HIT, user="", symbol="ABC", quote=QUOTE)
    assert [kind for kind, _ in told(watched, bears_hit=bears_hit)] == kinds


def test_a_refusal_is_told_as_the_command_and_last_as_the_error() -> None:
    decided = entry("ADD", amount_cents=-500, code=Code.BAD_AMOUNT, message="out of range")
    command = {"command": "ADD", "username": "ann", "funds": "-5.00"}
    error = {**command, "errorMessage": "2004 BAD_AMOUNT: out of range"}
    assert told(decided) == [("userCommand", command), ("errorEvent", error)]


def test_a_refusal_after_a_price_still_tells_the_hit() -> None:
    refused = entry("BUY", symbol="ABC", amount_cents=5, quote=QUOTE, code=Code.BAD_AMOUNT)
    kinds = [kind for kind, _ in told(refused, bears_hit=True)]
    assert kinds == ["userCommand", "quoteServer", "errorEvent"]


def test_the_trigger_price_is_the_funds_of_set_buy_trigger() -> None:
    (_, command), *_ = told(entry("SET_BUY_TRIGGER", symbol="ABC", amount_cents=999))
    assert command["funds"] == "9.99"


def test_a_dumplog_of_all_has_no_user() -> None:
    decided = entry("DUMPLOG", user="", filename="./testLOG")
    assert told(decided) == [("userCommand", {"command": "DUMPLOG", "filename": "./testLOG"})]


@pytest.mark.parametrize(
    ("odd", "field"),
    [
        ({"symbol": "ABCD"}, "stockSymbol 'ABCD'"),
        ({"symbol": "A1"}, "stockSymbol 'A1'"),
        ({"symbol": ""}, "stockSymbol ''"),
        ({"symbol": "A\x00"}, "stockSymbol 'A\\x00'"),
        ({"user": "a b"}, "username 'a b'"),
        ({"user": ""}, "username ''"),
    ],
)
def test_what_the_schema_cannot_hold_is_left_out_and_named(odd: dict[str, str], field: str) -> None:
    arguments = {"symbol": "ABC", "code": Code.BAD_SYMBOL, **odd}
    (_, command), (_, error) = told(entry("QUOTE", **arguments))
    name = field.split(" ")[0]
    assert name not in command and name not in error
    assert field in error["errorMessage"]


def test_a_file_name_with_control_characters_is_left_out_and_named() -> None:
    decided = entry("DUMPLOG", filename="a\x1b", code=Code.BAD_FILENAME)
    (_, command), (_, error) = told(decided)
    assert "filename" not in command
    assert "filename 'a\\x1b'" in error["errorMessage"]


@given(st.lists(steps, max_size=30), st.booleans())
def test_whatever_the_rules_decide_makes_a_valid_log(happened: list[Step], bears_hit: bool) -> None:
    made = Journal()
    for step in happened:
        made.take(step)
    records = [r for e in made.entries for r in records_of(e, "node-1", bears_hit)]
    SCHEMA.assertValid(etree.fromstring(b"".join(xml_chunks(records))))


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_any_text_that_the_wire_carries_makes_a_valid_log(
    user: str, symbol: str, message: str, cryptokey: str
) -> None:
    quote = Quote("A", 1, 2, cryptokey, user)
    refused = entry(
        "BUY", user=user, symbol=symbol, message=message, code=Code.BAD_SYMBOL, quote=quote
    )
    dump = entry("DUMPLOG", user=user, filename=symbol, code=Code.BAD_FILENAME)
    records = [*records_of(refused, "n", True), *records_of(dump, "n", False)]
    SCHEMA.assertValid(etree.fromstring(b"".join(xml_chunks(records))))


def test_a_record_of_another_kind_makes_another_element() -> None:
    """Guards the validity tests above: their schema must be able to say no."""
    wrong = Record(RecordKind.QUOTE_SERVER, HEADING)
    assert not SCHEMA.validate(etree.fromstring(b"".join(xml_chunks([wrong]))))
