"""docs/protocol.md says what the code does, wholly, and the code does what the page says."""

from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from protocol import fields
from protocol.codec import decode_body, encode_body
from protocol.connection import Connection
from protocol.errors import Code
from protocol.framing import (
    FRAME_BYTES_MAX,
    HEADER_BYTES,
    WAY_IN_BYTES_MAX,
    FrameReader,
    encode_frame,
)
from protocol.messages import KINDS, Message
from protocol.states import REPLIES, REQUESTS, TRANSITIONS, Role, State
from service.limits import LOG_IN_S_MAX, LOG_IN_TRIES_MAX
from service.wire import SILENT_BEATS_MAX, SLOW_FRAME_BEATS_MAX
from tests.protocol.document import Example, examples, kinds, split_frames, tables, transitions
from tests.protocol.plain_msgpack import Value, pack

EXAMPLES = examples()

TYPE_NAMES: list[tuple[Any, str]] = [
    (fields.Text, "Text"),
    (fields.LongText, "LongText"),
    (fields.Int64, "Int64"),
    (fields.Count, "Count"),
    (fields.TransactionNum, "TransactionNum"),
    (fields.Id, "Id"),
    (bool, "Bool"),
    (bytes, "Bytes"),
]


def _type_name(annotation: Any) -> str:
    """How the page writes the type of a field."""
    for known, name in TYPE_NAMES:
        if annotation == known:
            return name
    arguments = get_args(annotation)
    if type(None) in arguments:
        return f"{_type_name(arguments[0])} or nil"
    if get_origin(annotation) is list:
        return f"{_type_name(arguments[0])}[]"
    if arguments:
        items, limits = arguments
        return f"{_type_name(get_args(items)[0])}[{limits.max_length}]"
    return str(annotation.__name__)


def _declared_fields(cls: type[Message]) -> str:
    """The fields of a message or record as its declaration has them, in the form of the page."""
    hints = get_type_hints(cls, include_extras=True)
    return ", ".join(
        f"{field.name} {_type_name(hints[field.name])}"
        + ("" if field.required else f" = {field.default}")
        for field in msgspec.structs.fields(cls)
    )


def _records_within(cls: type[Message]) -> set[type[Message]]:
    inner = {
        part
        for hint in get_type_hints(cls).values()
        for part in (hint, *get_args(hint))
        if isinstance(part, type) and issubclass(part, Message)
    }
    return inner.union(*(_records_within(record) for record in inner))


class TestMessageTable:
    """The tables of messages."""

    def test_every_kind_stands_in_the_tables_with_its_number(self) -> None:
        assert [(int(row["kind"], 16), row["name"]) for row in kinds()] == [
            (kind, cls.__name__) for kind, cls in sorted(KINDS.items())
        ]

    def test_the_fields_of_every_kind_are_those_declared(self) -> None:
        assert {row["name"]: row["fields"] for row in kinds()} == {
            cls.__name__: _declared_fields(cls) for cls in KINDS.values()
        }

    def test_the_fields_of_every_record_are_those_declared(self) -> None:
        records = set().union(*(_records_within(cls) for cls in KINDS.values()))
        assert {row["record"]: row["fields"] for row in tables("record", "fields")} == {
            record.__name__: _declared_fields(record) for record in records
        }

    def test_the_parts_request_and_reply_are_those_of_the_state_table(self) -> None:
        by_part = {
            part: {row["name"] for row in kinds() if row["part"] == part}
            for part in ("request", "reply")
        }
        assert by_part["request"] == {cls.__name__ for cls in REQUESTS}
        assert by_part["reply"] == {cls.__name__ for cls in REPLIES}

    def test_every_kind_is_sent_by_whom_the_state_table_lets(self) -> None:
        senders: dict[str, set[str]] = {}
        for _, role, cls in TRANSITIONS:
            senders.setdefault(cls.__name__, set()).add(role.name.lower())
        for row in kinds():
            expected = {"client", "server"} if row["from"] == "either" else {row["from"]}
            assert senders[row["name"]] == expected, row["name"]

    def test_every_request_names_its_answer_and_every_answer_is_a_reply(self) -> None:
        replies = {row["name"] for row in kinds() if row["part"] == "reply"}
        for row in kinds():
            if row["part"] == "request":
                answers = row["answered by"].removeprefix("Chunks, then ").split(" or ")
                assert set(answers) <= replies, row["name"]


class TestStateAndCodeTable:
    """The tables of states, codes and limits."""

    def test_the_state_table_is_the_one_that_the_code_keeps(self) -> None:
        assert transitions() == {
            (state.name, role.name.lower(), cls.__name__): after.name
            for (state, role, cls), after in TRANSITIONS.items()
        }

    def test_every_code_stands_in_the_table_with_what_to_do(self) -> None:
        rows = tables("code", "name", "meaning", "what to do")
        assert [(int(row["code"]), row["name"]) for row in rows] == [
            (c.value, c.name) for c in Code
        ]
        assert all(row["meaning"] and row["what to do"] for row in rows)

    def test_the_limits_are_those_of_the_code(self) -> None:
        rows = tables("limit", "value", "what happens beyond it")
        assert [int(row["value"]) for row in rows] == [
            HEADER_BYTES - 4,
            FRAME_BYTES_MAX,
            WAY_IN_BYTES_MAX,
            LOG_IN_S_MAX,
            LOG_IN_TRIES_MAX,
            SILENT_BEATS_MAX,
            SLOW_FRAME_BEATS_MAX,
        ]


class TestExample:
    """The hex that the page shows."""

    def test_every_kind_has_an_example(self) -> None:
        assert {example.message.KIND for example in EXAMPLES} == set(KINDS)

    @pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.text[:30])
    def test_the_codec_writes_the_bytes_on_the_page(self, example: Example) -> None:
        frame = encode_frame(example.message.KIND, example.request_id, encode_body(example.message))
        assert frame.hex() == example.frame.hex()

    @pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.text[:30])
    def test_the_codec_reads_the_bytes_on_the_page(self, example: Example) -> None:
        [(kind, request_id, body)] = FrameReader().feed(example.frame)
        assert request_id == example.request_id
        assert decode_body(kind, body) == example.message

    @pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.text[:30])
    def test_the_bytes_on_the_page_are_messagepack_by_its_own_specification(
        self, example: Example
    ) -> None:
        assert pack(_plain(example.message)).hex() == example.frame[HEADER_BYTES:].hex()

    def test_the_frames_taken_apart_are_among_the_examples(self) -> None:
        frames = split_frames()
        assert len(frames) == 2
        assert set(frames) <= {example.frame for example in EXAMPLES}

    def test_a_client_that_sends_the_hello_on_the_page_is_understood(self) -> None:
        server = Connection(Role.SERVER)
        [(request_id, message)] = server.receive(EXAMPLES[0].frame)
        assert (request_id, message) == (EXAMPLES[0].request_id, EXAMPLES[0].message)
        assert server.state is State.AWAITS_WELCOME


def _plain(value: Any) -> Value:
    """A message as the list of its fields, its records and lists likewise."""
    if isinstance(value, Message):
        return [_plain(getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, list):
        return [_plain(item) for item in value]
    plain: Value = value
    return plain
