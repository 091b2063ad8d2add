"""How a message is declared: a record with a kind byte that names it on the wire.

Used by `protocol.messages` and the modules whose messages it takes in; everybody else imports from
there.
"""

from collections.abc import Callable
from typing import ClassVar, TypeVar

from msgspec import Struct


class Message(Struct, frozen=True, gc=False, array_like=True):
    """What all messages share: a kind byte that names the type on the wire.

    Fields beyond those declared are passed over, for a peer that is newer than we are.
    """

    KIND: ClassVar[int]


KINDS: dict[int, type[Message]] = {}
"""All messages by kind byte; filled by the declarations in `protocol.messages`."""

_M = TypeVar("_M", bound=type[Message])


def message(kind: int) -> Callable[[_M], _M]:
    """Declare a message type under its kind byte; a byte used twice is an error at import."""

    def declare(cls: _M) -> _M:
        if kind in KINDS:
            raise AssertionError(f"kind {kind:#04x} is {KINDS[kind].__name__} already")
        cls.KIND = kind
        KINDS[kind] = cls
        return cls

    return declare
