"""A stream of bytes cut into frames: the layout, the limits, and any chunking."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import Code, LocalProtocolError
from protocol.framing import FRAME_BYTES_MAX, Frame, FrameReader, encode_frame
from tests.protocol.strategies import chunkings, streams

ID = bytes(range(1, 17))
HEADER_BYTES = 21
SMALL_MAX = 64


def read(chunks: list[bytes], frame_bytes_max: int = FRAME_BYTES_MAX) -> FrameReader:
    """A reader that has been fed these chunks."""
    reader = FrameReader(frame_bytes_max)
    for chunk in chunks:
        reader.feed(chunk)
    return reader


def outcome(chunks: list[bytes]) -> tuple[list[Frame], Code | None, int]:
    """The frames, the error and the bytes still held, for a stream in these chunks."""
    reader = FrameReader(SMALL_MAX)
    frames = [frame for chunk in chunks for frame in reader.feed(chunk)]
    return frames, reader.error.code if reader.error else None, reader.buffered_bytes


def test_a_frame_is_length_kind_id_and_body() -> None:
    assert encode_frame(0x12, ID, b"body") == b"\x00\x00\x00\x15\x12" + ID + b"body"
    assert FrameReader().feed(b"\x00\x00\x00\x15\x12" + ID + b"body") == [(0x12, ID, b"body")]


def test_the_smallest_frame_has_no_body() -> None:
    assert FrameReader().feed(b"\x00\x00\x00\x11\x08" + ID) == [(0x08, ID, b"")]


def test_all_frames_of_one_read_come_out_in_order() -> None:
    data = b"".join(encode_frame(kind, ID, bytes(kind)) for kind in range(5))
    assert [kind for kind, _, _ in FrameReader().feed(data)] == [0, 1, 2, 3, 4]


def test_a_frame_comes_out_with_its_last_byte_and_not_before() -> None:
    reader = FrameReader()
    frame = encode_frame(0x12, ID, b"body")
    for count, byte in enumerate(frame[:-1], start=1):
        assert reader.feed(bytes([byte])) == []
        assert reader.buffered_bytes == count
    assert reader.feed(frame[-1:]) == [(0x12, ID, b"body")]
    assert reader.buffered_bytes == 0


def test_what_a_frame_lacks_is_known_once_its_length_is() -> None:
    reader = FrameReader()
    frame = encode_frame(0x12, ID, b"body")
    reader.feed(frame + frame[:3])
    assert reader.missing_bytes == 0
    reader.feed(frame[3:4])
    assert reader.missing_bytes == len(frame) - 4
    reader.feed(frame[4:-1])
    assert reader.missing_bytes == 1
    reader.feed(frame[-1:])
    assert reader.missing_bytes == 0


@settings(deadline=None)
@given(st.data())
def test_any_chunking_of_any_stream_gives_the_same_frames_and_the_same_error(
    data: st.DataObject,
) -> None:
    stream = data.draw(streams())
    chunks = data.draw(chunkings(stream))
    assert outcome(chunks) == outcome([stream])
    assert outcome([bytes([byte]) for byte in stream]) == outcome([stream])


@settings(deadline=None)
@given(st.data())
def test_less_than_one_frame_is_held_whatever_comes(data: st.DataObject) -> None:
    reader = FrameReader(SMALL_MAX)
    for chunk in data.draw(chunkings(data.draw(streams() | st.binary(max_size=400)))):
        reader.feed(chunk)
        assert reader.buffered_bytes < SMALL_MAX


@pytest.mark.parametrize("length", [0, 1, 16])
def test_a_length_that_cannot_hold_the_header_ends_the_stream(length: int) -> None:
    reader = read([length.to_bytes(4, "big")])
    assert reader.error is not None
    assert reader.error.code is Code.BAD_FRAME


def test_a_frame_as_long_as_allowed_is_taken() -> None:
    frame = encode_frame(1, ID, bytes(SMALL_MAX - HEADER_BYTES))
    assert len(frame) == SMALL_MAX
    assert len(FrameReader(SMALL_MAX).feed(frame)) == 1


@pytest.mark.parametrize("length", [SMALL_MAX - 3, 1 << 31, (1 << 32) - 1])
def test_a_longer_frame_is_refused_at_its_length_before_anything_of_it_is_kept(length: int) -> None:
    reader = read([length.to_bytes(4, "big")], SMALL_MAX)
    assert reader.error is not None
    assert reader.error.code is Code.FRAME_TOO_LONG
    assert reader.buffered_bytes == 0


def test_a_longer_frame_is_refused_although_it_came_whole() -> None:
    reader = FrameReader(SMALL_MAX)
    assert reader.feed(encode_frame(1, ID, bytes(SMALL_MAX - HEADER_BYTES + 1))) == []
    assert reader.error is not None
    assert reader.error.code is Code.FRAME_TOO_LONG


def test_frames_before_a_bad_length_come_out_and_none_after_it() -> None:
    good = encode_frame(1, ID, b"")
    reader = FrameReader()
    assert reader.feed(good + bytes(4) + good) == [(1, ID, b"")]
    assert reader.error is not None
    assert reader.feed(good) == []


def test_the_limit_of_a_usual_frame_is_a_mebibyte_with_its_length() -> None:
    body = bytes((1 << 20) - HEADER_BYTES)
    assert len(encode_frame(1, ID, body)) == 1 << 20
    assert read([encode_frame(1, ID, body)]).error is None
    with pytest.raises(LocalProtocolError) as caught:
        encode_frame(1, ID, body + b"x")
    assert caught.value.code is Code.FRAME_TOO_LONG


@pytest.mark.parametrize("wrong_id", [b"", bytes(15), bytes(17)])
def test_an_id_of_another_length_is_never_padded_or_cut(wrong_id: bytes) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        encode_frame(1, wrong_id, b"")
    assert caught.value.code is Code.BAD_FRAME
