"""Frames: where one message ends and the next begins.

Everyone may import this. A frame is `u32 length, u8 kind, 16 bytes id, body`, big-endian, and
`length` counts what follows it. The length is judged before anything is kept, so a peer cannot make
us hold more than one frame.
"""

import struct
from collections.abc import Callable
from operator import itemgetter

from protocol.errors import Code, LocalProtocolError, RemoteProtocolError
from protocol.fields import ID_BYTES

FRAME_BYTES_MAX = 1 << 20
"""The longest frame that a peer may send, length field included, unless a connection sets
another limit.
"""

WAY_IN_BYTES_MAX = 1 << 14
"""The longest frame that a server takes of a client that has not logged in; all but log-ins are far
shorter.
"""

_HEADER = struct.Struct(f">IB{ID_BYTES}s")
_pack_header = _HEADER.pack
HEADER_BYTES = _HEADER.size
_LENGTH_BYTES = 4
_LENGTH_MIN = HEADER_BYTES - _LENGTH_BYTES
_LENGTH_MAX = FRAME_BYTES_MAX - _LENGTH_BYTES

Frame = tuple[int, bytes, bytes]
"""Kind, id, body."""

kind_of: Callable[[bytes], int] = itemgetter(_LENGTH_BYTES)
"""The kind byte of a frame, whole as it goes over the wire."""


def encode_frame(kind: int, request_id: bytes, body: bytes) -> bytes:
    """Put a header before a body; raises `LocalProtocolError` when no peer could take the frame."""
    if len(request_id) != ID_BYTES:
        raise LocalProtocolError(
            Code.BAD_FRAME, f"an id has {ID_BYTES} bytes, this one {len(request_id)}"
        )
    length = _LENGTH_MIN + len(body)
    if length > _LENGTH_MAX:
        raise LocalProtocolError(
            Code.FRAME_TOO_LONG, f"a body of {len(body)} bytes fits no frame; send it in parts"
        )
    return _pack_header(length, kind, request_id) + body


class FrameReader:
    """Cuts a stream of bytes into frames, however the bytes were chunked.

    :ivar frame_bytes_max: a longer frame ends the stream; may be changed on the way.
    :ivar error: what was wrong with the stream; once set, the reader takes no more bytes.
    """

    __slots__ = ("_buffer", "error", "frame_bytes_max")

    def __init__(self, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._buffer = b""
        self.frame_bytes_max = frame_bytes_max
        self.error: RemoteProtocolError | None = None

    @property
    def unfinished_header(self) -> bytes:
        """The header of a frame that is not whole yet, as far as it is here; empty between
        frames.
        """
        return self._buffer[:HEADER_BYTES]

    @property
    def buffered_bytes(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._buffer)

    @property
    def missing_bytes(self) -> int:
        """How many bytes of the frame that is held are still to come; 0 while its length is not
        known.
        """
        buffer = self._buffer
        if len(buffer) < _LENGTH_BYTES:
            return 0
        return _LENGTH_BYTES + int.from_bytes(buffer[:_LENGTH_BYTES], "big") - len(buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes and return the frames that they complete, in order.

        A length that no frame can have ends the stream: the frames before it are returned, and
        `error` is set to BAD_FRAME or FRAME_TOO_LONG.
        """
        frames: list[Frame] = []
        if self.error is not None:
            return frames
        buffer = self._buffer + data if self._buffer else data
        start, end = 0, len(buffer)
        while end - start >= HEADER_BYTES:
            length, kind, request_id = _HEADER.unpack_from(buffer, start)
            stop = start + _LENGTH_BYTES + length
            if stop > end or length < _LENGTH_MIN or stop - start > self.frame_bytes_max:
                break
            frames.append((kind, request_id, buffer[start + HEADER_BYTES : stop]))
            start = stop
        self._buffer = buffer[start:]
        if len(self._buffer) >= _LENGTH_BYTES:
            self._judge_length(int.from_bytes(self._buffer[:_LENGTH_BYTES], "big"))
        return frames

    def end(self, error: RemoteProtocolError) -> None:
        """Take no more bytes, because of `error`, and let go of those that are held."""
        self._buffer = b""
        self.error = error

    def _judge_length(self, length: int) -> None:
        if length < _LENGTH_MIN:
            reason = f"a frame of length {length} cannot hold its own header"
            self.end(RemoteProtocolError(Code.BAD_FRAME, reason))
        elif length + _LENGTH_BYTES > self.frame_bytes_max:
            reason = f"a frame of length {length} is over {self.frame_bytes_max} bytes"
            self.end(RemoteProtocolError(Code.FRAME_TOO_LONG, reason))
