"""Messages for property tests, made from their declarations.

For tests only: a new message, or a new limit of a field, is covered without a line here.
"""

from typing import Any

import msgspec.inspect as declared
from hypothesis import strategies as st

from protocol.messages import (
    KINDS,
    Chunk,
    CommitBuy,
    DisplaySummary,
    Hello,
    Message,
    Ping,
    Receipt,
)
from tests.protocol.pair import frame_of

ELEMENTS_MAX = 4
"""How long the lists of generated messages get; their own limits are tested one by one."""

request_ids = st.binary(min_size=16, max_size=16).filter(any)


def messages() -> st.SearchStrategy[Message]:
    """Any message of any kind, within its limits."""
    return st.one_of([messages_of(cls) for cls in KINDS.values()])


def messages_of(cls: type[Message]) -> st.SearchStrategy[Message]:
    """Any message of one kind, or record, within its limits."""
    made: st.SearchStrategy[Message] = _values(declared.type_info(cls))
    return made


def streams() -> st.SearchStrategy[bytes]:
    """Bytes as a peer might send them: good frames, bad ones between them, and a cut-off end."""
    kinds = (Ping, CommitBuy, Receipt, Chunk, DisplaySummary, Hello)
    frames = st.builds(frame_of, st.one_of([messages_of(cls) for cls in kinds]), request_ids)
    length = st.integers(0, 40).map(lambda number: number.to_bytes(4, "big"))
    unread = st.builds(
        lambda kind, request_id, body: (
            (17 + len(body)).to_bytes(4, "big") + bytes([kind]) + request_id + body
        ),
        st.integers(0, 255),
        request_ids,
        st.binary(max_size=20),
    )
    pieces = st.lists(frames | unread, max_size=6).map(b"".join)
    tail = st.one_of(st.just(b""), st.binary(max_size=30), length, frames.map(lambda f: f[:-1]))
    return st.builds(lambda start, end: start + end, pieces, tail)


def chunkings(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Any way to cut `data` into pieces, empty ones among them."""
    cuts = st.lists(st.integers(0, len(data)), max_size=12).map(sorted)
    return cuts.map(
        lambda places: [
            data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)
        ]
    )


def _values(kind: Any) -> st.SearchStrategy[Any]:
    match kind:
        case declared.StructType():
            return st.builds(kind.cls, *(_values(field.type) for field in kind.fields))
        case declared.IntType():
            edges = st.sampled_from([kind.ge, kind.le])
            return edges | st.integers(min_value=kind.ge, max_value=kind.le)
        case declared.StrType():
            return st.text(max_size=40) | st.just("x" * (kind.max_length or 0))
        case declared.BytesType():
            return st.binary(min_size=kind.min_length or 0, max_size=kind.max_length or 100)
        case declared.BoolType():
            return st.booleans()
        case declared.ListType():
            return st.lists(_values(kind.item_type), max_size=ELEMENTS_MAX)
        case declared.UnionType():
            return st.one_of([_values(part) for part in kind.types])
        case declared.NoneType():
            return st.none()
    raise AssertionError(f"no strategy makes {kind}")
