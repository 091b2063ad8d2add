"""Bodies of messages as bytes, and back.

Everyone may import this. A body is one MessagePack array with the fields in the order of their
declaration. Fields may be added at the end with a default; that is how the protocol grows within a
version: a shorter body from an older peer gets the defaults, and what a newer peer added is passed
over.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from protocol.errors import Code, RemoteProtocolError
from protocol.messages import KINDS, Message

_decoders: dict[int, Any] = {
    kind: msgspec.msgpack.Decoder(cls).decode for kind, cls in KINDS.items()
}


encode_body: Callable[[Message], bytes] = msgspec.msgpack.Encoder().encode
"""Encode the fields of a message."""


class Encoded(Struct, frozen=True, gc=False):
    """A message whose body was made before it could be sent.

    :ivar of: what kind of message it is.
    """

    of: type[Message]
    body: bytes


def encode(message: Message) -> Encoded:
    """Make the body of a message that is to be sent later."""
    return Encoded(type(message), encode_body(message))


def decode_body(kind: int, body: bytes | memoryview) -> Message:
    """Decode the body of a message of this kind.

    Raises `RemoteProtocolError` UNKNOWN_KIND or BAD_BODY, and nothing else, whatever the bytes are.
    """
    decode = _decoders.get(kind)
    if decode is None:
        raise RemoteProtocolError(Code.UNKNOWN_KIND, f"no message has kind {kind:#04x}")
    try:
        decoded: Message = decode(body)
    except (ValueError, RecursionError) as error:
        name = KINDS[kind].__name__
        raise RemoteProtocolError(
            Code.BAD_BODY, f"the body of {name} cannot be read: {str(error)[:200]}"
        ) from None
    return decoded
