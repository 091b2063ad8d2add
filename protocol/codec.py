"""Bodies of messages as bytes, and back.

Everyone may import this. A body is one MessagePack array with the fields in the order of their
declaration. Fields may be added at the end with a default; that is how the protocol grows within a
version: a shorter body from an older peer gets the defaults, and what a newer peer added is passed
over.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from protocol.errors import Code, RemoteProtocolError
from protocol.framing import encode_frame
from protocol.messages import KINDS, Message

_decoders: dict[int, Any] = {
    kind: msgspec.msgpack.Decoder(cls).decode for kind, cls in KINDS.items()
}


encode_body: Callable[[Message], bytes] = msgspec.msgpack.Encoder().encode
"""Encode the fields of a message."""


Framed = bytes
"""A message as it goes over the wire, made before it could be sent."""


def frame(message: Message, request_id: bytes) -> Framed:
    """Make the frame of a message that answers, or asks, under an id.

    Raises `LocalProtocolError` where no frame can hold it.
    """
    return encode_frame(message.KIND, request_id, encode_body(message))


def decode_body(kind: int, body: bytes | memoryview) -> Message:
    """Decode the body of a message of this kind.

    Raises `RemoteProtocolError` UNKNOWN_KIND or BAD_BODY, and nothing else, whatever the bytes are.
    """
    try:
        decoded: Message = _decoders[kind](body)
    except KeyError:
        raise RemoteProtocolError(Code.UNKNOWN_KIND, f"no message has kind {kind:#04x}") from None
    except (ValueError, RecursionError) as error:
        name = KINDS[kind].__name__
        raise RemoteProtocolError(
            Code.BAD_BODY, f"the body of {name} cannot be read: {str(error)[:200]}"
        ) from None
    return decoded
