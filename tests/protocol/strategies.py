"""Messages for property tests, made from their declarations.

For tests only: a new message, or a new limit of a field, is covered without a line here.
"""

from typing import Any

import msgspec.inspect as declared
from hypothesis import strategies as st

from protocol.connection import Connection
from protocol.framing import encode_frame
from protocol.messages import KINDS, Hello, LoggedIn, LogIn, LogInChallenge, LogInProof, Message
from protocol.messages import Welcome as WelcomeMessage
from protocol.states import Role

ELEMENTS_MAX = 4
"""How long the lists of generated messages get; their own limits are tested one by one."""

WAY_IN: list[tuple[Role, Message]] = [
    (Role.CLIENT, Hello(1, 1, "test")),
    (Role.SERVER, WelcomeMessage(1, "node", 1 << 20, 8, 1000)),
    (Role.CLIENT, LogIn("SCRAM-SHA-256", "n,,n=user,r=nonce")),
    (Role.SERVER, LogInChallenge("r=nonce2,s=c2FsdA==,i=4096")),
    (Role.CLIENT, LogInProof("c=biws,r=nonce2,p=cHJvb2Y=")),
    (Role.SERVER, LoggedIn("v=dmVyaWZpZXI=", "workload")),
]
"""Who says what, in turn, until a connection is open."""

request_ids = st.binary(min_size=16, max_size=16).filter(any)


def messages() -> st.SearchStrategy[Message]:
    """Any message of any kind, within its limits."""
    return st.one_of([messages_of(cls) for cls in KINDS.values()])


def messages_of(cls: type[Message]) -> st.SearchStrategy[Message]:
    """Any message of one kind, or record, within its limits."""
    made: st.SearchStrategy[Message] = _values(declared.type_info(cls))
    return made


def frames() -> st.SearchStrategy[bytes]:
    """Any message as a frame with an id."""
    return st.builds(
        lambda message, request_id: encode_frame(
            message.KIND, request_id, declared.msgspec.msgpack.encode(message)
        ),
        messages(),
        request_ids,
    )


def open_connection(role: Role) -> Connection:
    """A connection that has the way in behind it, as seen by `role`."""
    connection = Connection(role)
    other = Connection(role.peer)
    for sender, message in WAY_IN:
        if sender is role:
            connection.send(message)
            list(other.receive(encode_frame(message.KIND, bytes(16), _encoded(message))))
        else:
            list(connection.receive(other.send(message)))
    return connection


def _encoded(message: Message) -> bytes:
    return declared.msgspec.msgpack.encode(message)


def _values(kind: Any) -> st.SearchStrategy[Any]:
    match kind:
        case declared.StructType():
            return st.builds(kind.cls, *(_values(field.type) for field in kind.fields))
        case declared.IntType():
            edges = st.sampled_from([kind.ge, kind.le])
            return edges | st.integers(min_value=kind.ge, max_value=kind.le)
        case declared.StrType():
            return st.text(max_size=40) | st.just("x" * kind.max_length)
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
