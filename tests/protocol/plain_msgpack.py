"""The part of MessagePack that the wire uses, written out a second time from its specification.

For the tests of the wire only: an encoder that shares nothing with the product, so that a golden
frame in docs/protocol.md is not merely the product's own output.
"""

from collections.abc import Sequence

Value = int | bool | str | bytes | Sequence["Value"] | None


def pack(value: Value) -> bytes:
    """Encode a value in the shortest form that the specification has for it."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return _pack_int(value)
    if isinstance(value, str):
        text = value.encode("utf-8")
        return _head(len(text), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + text
    if isinstance(value, bytes):
        return _head(len(value), 0, 0, (0xC4, 0xC5, 0xC6)) + value
    items = b"".join(pack(item) for item in value)
    return _head(len(value), 0x90, 16, (0, 0xDC, 0xDD)) + items


def _pack_int(value: int) -> bytes:
    if -32 <= value <= 127:
        return value.to_bytes(1, "big", signed=True)
    first, signed = (0xCC, False) if value >= 0 else (0xD0, True)
    for step, width in enumerate((1, 2, 4, 8)):
        bits = 8 * width - signed
        if -(1 << bits) <= value < (1 << bits):
            return bytes([first + step]) + value.to_bytes(width, "big", signed=signed)
    raise OverflowError(value)


def _head(length: int, short: int, short_max: int, longer: tuple[int, int, int]) -> bytes:
    """The bytes before a text, a byte string or an array: type and length. 0 marks a width that
    the type does not have."""
    if length < short_max:
        return bytes([short | length])
    for opcode, width in zip(longer, (1, 2, 4), strict=True):
        if opcode and length < 1 << (8 * width):
            return bytes([opcode]) + length.to_bytes(width, "big")
    raise OverflowError(length)
