"""Whatever bytes a peer sends, they cost it an answer or the connection, and us nothing."""

import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol.codec import decode_body, encode_body
from protocol.connection import Connection, Unreadable
from protocol.errors import Code, RemoteProtocolError
from protocol.framing import encode_frame
from protocol.messages import KINDS, Append, Hello, HoldingLine, Message, Ping, Summary
from protocol.states import Role, State
from tests.protocol.pair import REQUEST_ID, ConnectionPair, frame_of
from tests.protocol.strategies import messages

FRAME_BYTES_MAX = 1 << 20
MANY = b"\xff\xff\xff\xff"
ALLOCATED_BYTES_MAX = 64 * 1024

each_kind = pytest.mark.parametrize("cls", KINDS.values(), ids=lambda cls: cls.__name__)


def survive(connection: Connection, data: bytes) -> None:
    """Let a connection hear `data`; anything but an event or a `RemoteProtocolError` fails."""
    try:
        for _, event in connection.receive(data):
            assert isinstance(event, Message | Unreadable)
    except RemoteProtocolError as error:
        assert 1000 < error.code < 1100
        assert connection.buffered_bytes == 0
    assert connection.buffered_bytes < FRAME_BYTES_MAX


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(State), st.sampled_from(Role))
def test_random_bytes(data: bytes, state: State, role: Role) -> None:
    survive(ConnectionPair(state).end(role), data)


@settings(deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=100), st.sampled_from(Role))
def test_a_random_body_in_a_good_frame(kind: int, body: bytes, role: Role) -> None:
    survive(ConnectionPair(State.OPEN).end(role), encode_frame(kind, REQUEST_ID, body))


@settings(deadline=None)
@given(messages(), st.data(), st.sampled_from(State), st.sampled_from(Role))
def test_good_frames_with_some_bytes_changed(
    message: Message, data: st.DataObject, state: State, role: Role
) -> None:
    frame = bytearray(frame_of(message))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    survive(ConnectionPair(state).end(role), bytes(frame))


@settings(deadline=None)
@given(messages(), st.data())
def test_a_truncated_body_is_never_taken_for_a_message(
    message: Message, data: st.DataObject
) -> None:
    body = encode_body(message)
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    with pytest.raises(RemoteProtocolError) as caught:
        decode_body(message.KIND, cut)
    assert caught.value.code is Code.BAD_BODY


@settings(deadline=None)
@given(messages(), st.binary(min_size=1, max_size=9))
@example(Ping(), b"\x90")
def test_bytes_after_the_end_of_a_body_are_refused(message: Message, more: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_body(message.KIND, encode_body(message) + more)
    assert caught.value.code is Code.BAD_BODY


@each_kind
@pytest.mark.parametrize("opener", [b"\x91", b"\x81", b"\xdd\x00\x00\x00\x01"])
def test_deep_nesting(cls: type[Message], opener: bytes) -> None:
    """As the body itself, and as its first field; in Ping and Pong that is one nobody knows."""
    deep = opener * (200_000 // len(opener))
    for body in (deep, b"\x9f" + deep):
        with pytest.raises(RemoteProtocolError) as caught:
            decode_body(cls.KIND, body)
        assert caught.value.code is Code.BAD_BODY


@pytest.mark.parametrize(
    ("cls", "body"),
    [
        (Ping, b"\xdd" + MANY),
        (Hello, b"\x93\x01\x01\xdb" + MANY),
        (Append, b"\x93\xa1s\x01\xdd" + MANY),
        (Append, b"\x93\xa1s\x01\x91\xc6" + MANY),
        (Summary, b"\x9a\x00\x00\xc2\x00\x00\xdd" + MANY),
        (Hello, b"\x94\x01\x01\xa1a\xdd" + MANY),
        (Hello, b"\x94\x01\x01\xa1a\xdf" + MANY),
    ],
)
def test_a_body_that_claims_four_billion_elements_allocates_next_to_nothing(
    cls: type[Message], body: bytes
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError):
            decode_body(cls.KIND, body)
        _, allocated_bytes_max = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert allocated_bytes_max < ALLOCATED_BYTES_MAX


def test_the_measure_of_allocation_sees_what_decoding_allocates() -> None:
    """Otherwise the test before this one could not fail."""
    lines = [HoldingLine("S", number) for number in range(1000, 11_000)]
    body = encode_body(Summary(0, 0, True, 0, 0, lines, [], [], [], 0))
    tracemalloc.start()
    try:
        decode_body(Summary.KIND, body)
        _, allocated_bytes_max = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert allocated_bytes_max > ALLOCATED_BYTES_MAX


def test_a_peer_that_announces_the_longest_frame_and_trickles_is_held_to_it() -> None:
    server = ConnectionPair(State.OPEN).server
    frame = encode_frame(Append.KIND, REQUEST_ID, bytes(FRAME_BYTES_MAX - 21))
    for start in range(0, FRAME_BYTES_MAX - 1, 65_535):
        survive(server, frame[start : min(start + 65_535, FRAME_BYTES_MAX - 1)])
    assert server.buffered_bytes == FRAME_BYTES_MAX - 1
    [(request_id, event)] = server.receive(frame[-1:])
    assert request_id == REQUEST_ID
    assert isinstance(event, Unreadable)
    assert server.buffered_bytes == 0
