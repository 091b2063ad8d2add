"""Bodies as bytes and back: what is taken, what is refused, and at which limit."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.codec import decode_body, encode_body
from protocol.declaration import message
from protocol.errors import Code, RemoteProtocolError
from protocol.messages import (
    COMMANDS,
    KINDS,
    Add,
    Append,
    Appended,
    Buy,
    Chunk,
    CommitBuy,
    DisplaySummary,
    Drain,
    Dump,
    Error,
    Health,
    Hello,
    HoldingLine,
    Message,
    Ping,
    Receipt,
    StreamPosition,
    Summary,
)
from tests.protocol.strategies import messages_of

INT64_MAX = 9_223_372_036_854_775_807
INT64_MIN = -9_223_372_036_854_775_808
EMPTY_SUMMARY = Summary(0, 0, False, 0, 0, [], [], [], [], 0)

# Written by hand from the MessagePack specification: each type of field, at the values where its
# encoding changes its form.
GOLDEN: list[tuple[Message, str]] = [
    (Ping(), "90"),
    (Health(True, ""), "92 c3 a0"),
    (Health(False, "no"), "92 c2 a2 6e6f"),
    (Hello(0, 127, "a"), "93 00 7f a1 61"),
    (Hello(128, 255, "a"), "93 cc80 ccff a1 61"),
    (Hello(256, 65_535, "a"), "93 cd0100 cdffff a1 61"),
    (Hello(65_536, 4_294_967_295, "a"), "93 ce00010000 ceffffffff a1 61"),
    (Hello(4_294_967_296, INT64_MAX, "a"), "93 cf0000000100000000 cf7fffffffffffffff a1 61"),
    (Add("u", 1, -1), "93 a175 01 ff"),
    (Add("u", 1, -32), "93 a175 01 e0"),
    (Add("u", 1, -33), "93 a175 01 d0df"),
    (Add("u", 1, -128), "93 a175 01 d080"),
    (Add("u", 1, -129), "93 a175 01 d1ff7f"),
    (Add("u", 1, -32_769), "93 a175 01 d2ffff7fff"),
    (Add("u", 1, -2_147_483_649), "93 a175 01 d3ffffffff7fffffff"),
    (Add("u", 1, INT64_MIN), "93 a175 01 d38000000000000000"),
    (CommitBuy("é€😀", 1), "92 a9 c3a9 e282ac f09f9880 01"),
    (CommitBuy("u" * 31, 1), "92 bf" + "75" * 31 + "01"),
    (CommitBuy("u" * 32, 1), "92 d920" + "75" * 32 + "01"),
    (Error(0, "m" * 256), "92 00 da0100" + "6d" * 256),
    (Chunk(b""), "91 c400"),
    (Chunk(b"\x00\xff"), "91 c402 00ff"),
    (Chunk(b"z" * 256), "91 c50100" + "7a" * 256),
    (Chunk(b"z" * 65_536), "91 c600010000" + "7a" * 65_536),
    (Drain(bytes(range(16))), "91 c410 000102030405060708090a0b0c0d0e0f"),
    (Append("s", 1, [b"a", b""]), "93 a173 01 92 c40161 c400"),
    (Append("s", 1, [b""] * 16), "93 a173 01 dc0010" + "c400" * 16),
    (Append("s", 1, [b""] * 65_536), "93 a173 01 dd00010000" + "c400" * 65_536),
    (Dump("u", [], None, 5), "95 a175 90 c0 05 00"),
    (
        Dump("", [StreamPosition("s", 7)], StreamPosition("t", 8), 5),
        "95 a0 91 92a17307 92a17408 05 00",
    ),
    (EMPTY_SUMMARY, "9a 00 00 c2 00 00 90 90 90 90 00"),
]

# Each limit of docs/protocol.md: the field at its limit, and one beyond it.
LIMITS: list[tuple[Message, Message]] = [
    (CommitBuy("x" * 255, 1), CommitBuy("x" * 256, 1)),
    (CommitBuy("😀" * 255, 1), CommitBuy("😀" * 256, 1)),
    (CommitBuy("u", 1), CommitBuy("u", 0)),
    (CommitBuy("u", INT64_MAX), CommitBuy("u", INT64_MAX + 1)),
    (Error(0, "x" * 4096), Error(0, "x" * 4097)),
    (Error(0, ""), Error(-1, "")),
    (Error(INT64_MAX, ""), Error(INT64_MAX + 1, "")),
    (Buy("u", 1, "S", INT64_MAX), Buy("u", 1, "S", INT64_MAX + 1)),
    (Drain(bytes(16)), Drain(bytes(17))),
    (Drain(bytes(16)), Drain(bytes(15))),
    (
        Dump("", [StreamPosition("s", 1)] * 10_000, None, 0),
        Dump("", [StreamPosition("s", 1)] * 10_001, None, 0),
    ),
]


def unhex(digits: str) -> bytes:
    """Bytes written as hex, with blanks anywhere."""
    return bytes.fromhex(digits.replace(" ", ""))


def refusal_of(kind: int, body: bytes) -> RemoteProtocolError:
    """The error with which a body is refused; it must be refused."""
    with pytest.raises(RemoteProtocolError) as caught:
        decode_body(kind, body)
    return caught.value


@pytest.mark.parametrize(("value", "digits"), GOLDEN, ids=lambda value: str(value)[:30])
def test_a_body_is_the_messagepack_array_of_the_fields(value: Message, digits: str) -> None:
    assert encode_body(value).hex() == unhex(digits).hex()
    assert decode_body(value.KIND, unhex(digits)) == value


@pytest.mark.parametrize("cls", KINDS.values(), ids=lambda cls: cls.__name__)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_what_is_encoded_is_decoded_as_it_was(cls: type[Message], data: st.DataObject) -> None:
    value = data.draw(messages_of(cls))
    decoded = decode_body(cls.KIND, encode_body(value))
    assert decoded == value
    assert type(decoded) is cls


@pytest.mark.parametrize(("at_limit", "beyond"), LIMITS, ids=lambda value: str(value)[:30])
def test_a_field_is_taken_at_its_limit_and_refused_beyond_it(
    at_limit: Message, beyond: Message
) -> None:
    assert decode_body(at_limit.KIND, encode_body(at_limit)) == at_limit
    assert refusal_of(beyond.KIND, encode_body(beyond)).code is Code.BAD_BODY


@pytest.mark.parametrize(
    ("field", "length_max"),
    [("holdings", 20_000), ("orders", 2_000), ("triggers", 40_000), ("history", 1_000)],
)
def test_a_summary_is_refused_when_a_list_claims_more_than_it_may(
    field: str, length_max: int
) -> None:
    """Only the claim stands there, so that the limit, not the missing elements, is what tells."""
    fields: list[Any] = [bytes([0]), bytes([0]), b"\xc2", bytes([0]), bytes([0])]
    for name in ("holdings", "orders", "triggers", "history"):
        if name == field:
            fields.append(b"\xdd" + (length_max + 1).to_bytes(4, "big"))
            break
        fields.append(b"\x90")
    refusal = refusal_of(Summary.KIND, b"\x9a" + b"".join(fields))
    assert refusal.code is Code.BAD_BODY
    assert f"length <= {length_max}" in refusal.message


@pytest.mark.parametrize(
    ("cls", "digits"),
    [
        (Hello, ""),
        (Hello, "93 01 01"),
        (Hello, "92 01 01"),
        (Hello, "83 01 01 a161 01 01 01"),
        (Hello, "93 01 01 a161 00"),
        (Hello, "93 01 01 c40161"),
        (Hello, "93 c3 01 a161"),
        (Hello, "93 cb3ff0000000000000 01 a161"),
        (Hello, "93 a131 01 a161"),
        (Hello, "93 c0 01 a161"),
        (Hello, "93 01 01 a1ff"),
        (Hello, "93 01 01 a3eda080"),
        (Chunk, "91 a161"),
        (Chunk, "91 c70105 61"),
        (Health, "92 01 a0"),
        (Append, "93 a173 01 91 c0"),
    ],
)
def test_a_body_of_another_shape_or_type_is_refused(cls: type[Message], digits: str) -> None:
    refusal = refusal_of(cls.KIND, unhex(digits))
    assert refusal.code is Code.BAD_BODY
    assert cls.__name__ in refusal.message


def test_a_body_at_the_largest_integer_width_is_read_as_the_same_number() -> None:
    """Others may write numbers wider than need be."""
    assert decode_body(Appended.KIND, unhex("92 a173 cf0000000000000005")) == Appended("s", 5)
    assert decode_body(Add.KIND, unhex("93 a175 d201000000 d1ffff")) == Add("u", 0x01000000, -1)


def test_a_kind_that_no_message_has_is_named_in_the_refusal() -> None:
    unknown = next(kind for kind in range(256) if kind not in KINDS)
    refusal = refusal_of(unknown, b"\x90")
    assert refusal.code is Code.UNKNOWN_KIND
    assert f"{unknown:#04x}" in refusal.message


def test_an_older_peer_may_leave_out_fields_that_have_a_default() -> None:
    assert decode_body(Receipt.KIND, unhex("92 05 06")) == Receipt(5, 6, 0, 0, 0, 0, 0)
    assert decode_body(DisplaySummary.KIND, unhex("92 a175 01")) == DisplaySummary("u", 1, 0)


def test_fields_appended_by_a_newer_peer_are_passed_over() -> None:
    assert decode_body(Ping.KIND, unhex("92 a3616263 9101")) == Ping()
    newer = unhex("9a 00 00 c2 00 00 91 93 a141 05 a36e6577 90 90 90 00")
    summary = Summary(0, 0, False, 0, 0, [HoldingLine("A", 5)], [], [], [], 0)
    assert decode_body(Summary.KIND, newer) == summary


def test_a_kind_byte_can_be_declared_only_once() -> None:
    with pytest.raises(AssertionError, match="Ping already"):
        message(Ping.KIND)(Health)


def test_the_sixteen_commands_are_known_by_the_names_of_the_workload_files() -> None:
    assert set(COMMANDS) == {
        *("ADD", "QUOTE", "BUY", "COMMIT_BUY", "CANCEL_BUY", "SELL", "COMMIT_SELL", "CANCEL_SELL"),
        *("SET_BUY_AMOUNT", "SET_BUY_TRIGGER", "CANCEL_SET_BUY", "SET_SELL_AMOUNT"),
        *("SET_SELL_TRIGGER", "CANCEL_SET_SELL", "DUMPLOG", "DISPLAY_SUMMARY"),
    }
