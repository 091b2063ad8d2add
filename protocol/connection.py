"""One connection, without the connection: bytes to events and messages to bytes, for either end.

Everyone may import this. There is no clock and no socket in here; the adapter around it owns both.
"""

from collections.abc import Iterator, Sequence
from typing import final

from msgspec import Struct

from protocol.codec import Framed, decode_body, frame
from protocol.errors import Code, LocalProtocolError, RemoteProtocolError
from protocol.fields import NO_ID
from protocol.framing import FRAME_BYTES_MAX, WAY_IN_BYTES_MAX, FrameReader, kind_of
from protocol.messages import KINDS, PROTOCOL_VERSION, Error, Hello, Message, Welcome
from protocol.states import (
    DRAINING,
    OPEN,
    REFUSED_WHILE_DRAINING,
    REPLIES,
    REQUESTS,
    Role,
    State,
    next_state,
)


@final
class Unreadable(Struct, frozen=True, gc=False):
    """A request that cannot be taken; the connection goes on, and Error is the answer to it."""

    code: Code
    message: str


Event = tuple[bytes, Message | Unreadable]
"""The id that the peer gave, and what it said."""


class Connection:
    """The protocol of one connection, as seen by the end that plays `role`.

    :ivar state: how far the connection has come.
    """

    __slots__ = (
        "_frame_bytes_max",
        "_hears",
        "_peer",
        "_reader",
        "_role",
        "_says",
        "state",
    )

    def __init__(self, role: Role, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._role = role
        self._peer = role.peer
        # Before a client has logged in, a server holds little of it.
        limit = min(WAY_IN_BYTES_MAX, frame_bytes_max) if role is Role.SERVER else frame_bytes_max
        self._frame_bytes_max = frame_bytes_max
        self._reader = FrameReader(limit)
        # Once logged in, these change nothing, and so need no look at the table of states.
        is_server = role is Role.SERVER
        self._says, self._hears = (REPLIES, REQUESTS) if is_server else (REQUESTS, REPLIES)
        self.state = State.AWAITS_HELLO

    @property
    def unfinished_header(self) -> bytes:
        """See `FrameReader`: which frame the peer is in the middle of."""
        return self._reader.unfinished_header

    @property
    def buffered_bytes(self) -> int:
        """How many bytes of an unfinished frame are held; never more than one frame."""
        return self._reader.buffered_bytes

    @property
    def missing_bytes(self) -> int:
        """See `FrameReader`: how many bytes of an unfinished frame are still to come."""
        return self._reader.missing_bytes

    def send(self, message: Message, request_id: bytes = NO_ID) -> Framed:
        """Make a frame of a message and take the state on.

        Raises `LocalProtocolError` when the state forbids the message or no frame can hold it.
        """
        framed = frame(message, request_id)
        of = type(message)
        if self.state is OPEN and of in self._says:
            return framed
        state = next_state(self.state, self._role, of)
        if state is None and not self._is_farewell(of, request_id, self._role):
            raise self._forbidden(of)
        if state is not None:
            self.state = state
            if state is OPEN:
                self._reader.frame_bytes_max = self._frame_bytes_max
        return framed

    def send_framed(self, frames: Sequence[Framed]) -> bytes:
        """Join frames that were made before: of requests or answers, which change no state.

        Raises `LocalProtocolError` when the state forbids one of them.
        """
        for kind in set(map(kind_of, frames)):
            of = KINDS[kind]
            if of not in self._says or next_state(self.state, self._role, of) is None:
                raise self._forbidden(of)
        return b"".join(frames)

    def _forbidden(self, of: type[Message]) -> LocalProtocolError:
        return LocalProtocolError(
            Code.UNEXPECTED_MESSAGE,
            f"the {self._role.name} may not send {of.__name__} in state {self.state.name}",
        )

    def receive(self, data: bytes) -> Iterator[Event]:
        """Yield what the peer said, in order; run the iterator to its end.

        Raises `RemoteProtocolError`, after the events before it, when the stream cannot go on;
        from then on every call raises it again.
        """
        hears = self._hears
        for kind, request_id, body in self._reader.feed(data):
            try:
                message = decode_body(kind, body)
            except RemoteProtocolError as error:
                yield request_id, self._unreadable_or_raise(request_id, error)
                continue
            if self.state is OPEN and type(message) in hears and request_id != NO_ID:
                yield request_id, message
            else:
                yield request_id, self._admit(request_id, message)
        if self._reader.error is not None:
            raise self._reader.error

    def _admit(self, request_id: bytes, message: Message) -> Message | Unreadable:
        """Take the state on, if the message may come now."""
        state = next_state(self.state, self._peer, type(message))
        if state is None:
            if self._is_farewell(type(message), request_id, self._peer):
                return message
            name = type(message).__name__
            violation = RemoteProtocolError(
                Code.UNEXPECTED_MESSAGE,
                f"{name} may not come from the {self._peer.name} in state {self.state.name}",
            )
            return self._unreadable_or_raise(request_id, violation)
        if request_id == NO_ID and type(message) in REQUESTS:
            # The answer to it could not be told from a farewell.
            nameless = RemoteProtocolError(Code.BAD_FRAME, "a request needs an id that is not zero")
            return self._unreadable_or_raise(request_id, nameless)
        self.state = state
        if state is DRAINING and type(message) in REFUSED_WHILE_DRAINING:
            late = "this server takes no more requests: send it to another"
            return self._unreadable_or_raise(request_id, RemoteProtocolError(Code.DRAINING, late))
        return message

    def _unreadable_or_raise(self, request_id: bytes, error: RemoteProtocolError) -> Unreadable:
        """A logged-in client may err and go on; before that, and from a server, errors are
        final, and so they are without an id, since an Error that answers none is a farewell.
        """
        logged_in = self.state in (OPEN, DRAINING)
        if self._role is Role.SERVER and logged_in and request_id != NO_ID:
            return Unreadable(error.code, error.message)
        self._reader.end(error)
        raise error

    @staticmethod
    def _is_farewell(said: type[Message], request_id: bytes, sender: Role) -> bool:
        """A server may say in any state why it ends the connection: an Error that answers no id."""
        return sender is Role.SERVER and request_id == NO_ID and said is Error


def choose_version(hello: Hello) -> int:
    """The version that a server speaks with this client.

    Raises `RemoteProtocolError` VERSION_UNSUPPORTED when there is none in common.
    """
    if hello.version_min <= PROTOCOL_VERSION <= hello.version_max:
        return PROTOCOL_VERSION
    raise RemoteProtocolError(
        Code.VERSION_UNSUPPORTED,
        f"this server speaks version {PROTOCOL_VERSION}, the client "
        f"{hello.version_min} to {hello.version_max}",
    )


def hello(agent: str) -> Hello:
    """The first message of a client of this version."""
    return Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, agent)


def welcome(
    server: str,
    version: int,
    outstanding_max: int,
    heartbeat_ms: int,
    frame_bytes_max: int = FRAME_BYTES_MAX,
) -> Welcome:
    """The answer of a server to a Hello."""
    return Welcome(version, server, frame_bytes_max, outstanding_max, heartbeat_ms)
