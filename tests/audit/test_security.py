"""Security events: what is fit for the log, how text is made fit, and how an event reads."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from audit.security import (
    AT_MS_MAX,
    TEXT_MAX,
    Outcome,
    SecurityEvent,
    decode_event,
    encode_event,
    escaped,
)

EVENT = SecurityEvent(
    1_700_000_000_123, "node-1", "ann", "user", "log in", "127.0.0.1:4040", Outcome.DONE
)


def test_an_event_reads_as_one_line_with_who_what_when_from_where_and_how_it_ended() -> None:
    event = replace(EVENT, outcome=Outcome.REFUSED, detail='wrong "password"')
    assert event.line == (
        "2023-11-14T22:13:20.123Z node-1 actor=ann role=user"
        ' action="log in" from=127.0.0.1:4040 outcome=refused detail="wrong \\"password\\""'
    )


def test_what_an_event_does_not_say_is_left_out_of_its_line() -> None:
    assert "actor=" not in replace(EVENT, actor="").line


def test_an_event_travels_unchanged() -> None:
    assert decode_event(encode_event(EVENT)) == EVENT


@pytest.mark.parametrize(
    "event",
    [
        replace(EVENT, actor="ann\nnode-1 actor=bob"),
        replace(EVENT, detail="\x1b[2J"),
        replace(EVENT, action="\u202e"),
        replace(EVENT, at_ms=-1),
        replace(EVENT, at_ms=AT_MS_MAX + 1),
    ],
)
def test_an_event_that_could_forge_a_line_or_has_no_date_cannot_be_told(
    event: SecurityEvent,
) -> None:
    assert not event.can_be_told


def test_the_last_moment_with_a_date_can_be_told() -> None:
    event = replace(EVENT, at_ms=AT_MS_MAX)
    assert event.can_be_told
    assert event.line.startswith("9999-12-31T23:59:59.999Z ")


@given(st.text())
def test_any_text_becomes_printable_and_not_too_long(text: str) -> None:
    assert escaped(text).isprintable()
    assert len(escaped(text)) <= TEXT_MAX


@given(st.text(max_size=20))
def test_what_was_escaped_can_be_had_back(text: str) -> None:
    quoted = '"' + escaped(text).replace('"', '\\"') + '"'
    assert ast.literal_eval(quoted) == text


def test_a_name_is_not_changed() -> None:
    assert escaped("Änne O'Neil") == "Änne O'Neil"
