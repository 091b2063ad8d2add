"""The protocol on a Twisted transport: what both ends have in common.

Used by `service.server` and `service.client`. Frames sent in one turn of the reactor leave
together, before its end where they are many. A peer that falls silent, or does not read, is let go.
"""

from collections.abc import Sequence
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from protocol.codec import Framed
from protocol.connection import Connection, Unreadable
from protocol.errors import Code, RemoteProtocolError
from protocol.fields import NO_ID
from protocol.framing import FRAME_BYTES_MAX
from protocol.messages import Message, Ping, Pong
from protocol.states import Role, State
from service.limits import CONGESTED_S_MAX, HEARTBEAT_S

SILENT_BEATS_MAX = 3
SLOW_FRAME_BEATS_MAX = 2
"""A peer that is in the middle of one frame for this many beats in a row is let go."""

BUFFERED_BYTES_MAX = 32 * 1024
"""Frames sent in one turn leave before its end once they are this many bytes: the peer has work
while we make the rest.
"""


@implementer(IPushProducer)
class WireProtocol(Protocol):
    """One end of a connection; subclasses say what they do with each message.

    :ivar is_congested: the peer does not take what we write; true until the transport has drained.
    """

    log = Logger()
    transport: Any

    def __init__(
        self,
        clock: IReactorTime,
        role: Role,
        heartbeat_s: float = HEARTBEAT_S,
        unread_s: float = CONGESTED_S_MAX,
        frame_bytes_max: int = FRAME_BYTES_MAX,
    ) -> None:
        self._clock = clock
        self._connection = Connection(role, frame_bytes_max)
        self._heartbeat_s = heartbeat_s
        self._unread_s = unread_s
        self._beat_call: Any = None
        self._silent_beats = 0
        self._unfinished = b""
        self._slow_beats = 0
        self._outgoing: list[bytes] = []
        self._outgoing_bytes = 0
        self._flush_call: Any = None
        self._congested_call: Any = None
        self.is_congested = False
        self.is_lost = False

    @property
    def state(self) -> State:
        """How far the connection has come."""
        return self._connection.state

    # What subclasses fill in.

    def message_received(self, request_id: bytes, message: Message) -> None:
        """The peer sent a message that the state allows."""
        raise NotImplementedError

    def unreadable_received(self, request_id: bytes, unreadable: Unreadable) -> None:
        """The peer sent a request that cannot be taken."""
        raise NotImplementedError

    def congestion_changed(self) -> None:
        """`is_congested` has another value now."""

    def dropped(self, why: str) -> None:
        """The peer is let go for what it does, or does not."""

    def ended(self, reason: Failure) -> None:
        """The connection is gone; nothing more will be received or sent."""

    # Sending.

    def send(self, message: Message, request_id: bytes = NO_ID) -> None:
        """Send a message with the other messages of this turn.

        Raises `LocalProtocolError` where the state forbids it; after the end of the connection it
        does nothing, because whoever asked is gone.
        """
        if self.is_lost:
            return
        self._queue(self._connection.send(message, request_id))

    def send_framed(self, frames: Sequence[Framed]) -> None:
        """Like `send`, for many messages that were made before."""
        if self.is_lost:
            return
        self._queue(self._connection.send_framed(frames))

    def _queue(self, data: bytes) -> None:
        self._outgoing.append(data)
        self._outgoing_bytes += len(data)
        if self._outgoing_bytes >= BUFFERED_BYTES_MAX:
            self.flush()
        elif self._flush_call is None:
            self._flush_call = self._clock.callLater(0, self.flush)

    def flush(self) -> None:
        """Write what was sent in this turn."""
        if self._flush_call is not None:
            if self._flush_call.active():
                self._flush_call.cancel()
            self._flush_call = None
        if self._outgoing and not self.is_lost:
            data = b"".join(self._outgoing)
            self._outgoing.clear()
            self._outgoing_bytes = 0
            self._write(data)

    def _write(self, data: bytes) -> None:
        """Let the socket have what it takes now, and the transport the rest.

        A transport alone would have the reactor ask whether the socket takes anything, turn by
        turn, and would call a peer congested that has only not been written to yet.
        """
        transport = self.transport
        if not isinstance(transport, FileDescriptor):
            transport.write(data)
            return
        if not (transport.dataBuffer or transport.disconnecting):
            written = transport.writeSomeData(data)
            if written == len(data):
                return
            if isinstance(written, int):
                data = data[written:]
        transport.write(data)
        # What waits is in its `dataBuffer` after this.
        if transport.doWrite() is not None:
            transport.startWriting()  # it is at its end, which is the reactor's to see

    def close(self) -> None:
        """Send what is left and end the connection."""
        self.flush()
        # A transport that waits for us to write more does not end when it has sent all.
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def abort(self) -> None:
        """End the connection at once; what was not sent is lost."""
        self.transport.abortConnection()

    # Receiving.

    def dataReceived(self, data: bytes) -> None:
        """Pass on every message in `data`; bytes that break the protocol end the connection."""
        self._silent_beats = 0
        try:
            for request_id, event in self._connection.receive(data):
                if type(event) is Unreadable:
                    self.unreadable_received(request_id, event)
                elif type(event) is Ping:
                    self.send(Pong(), request_id)
                elif type(event) is not Pong:
                    self.message_received(request_id, event)
        except RemoteProtocolError as violation:
            self.protocol_broken(violation)

    def protocol_broken(self, violation: RemoteProtocolError) -> None:
        """The peer's bytes make no sense any more."""
        self.log.warn("{peer} broke the protocol: {error}", peer=self.peer, error=str(violation))
        self.close()

    # The life of the transport.

    @property
    def peer(self) -> str:
        """Who is at the other end, for the log."""
        if self.transport is None:
            return "nobody"
        address = self.transport.getPeer()
        host = getattr(address, "host", None)
        return str(address) if host is None else f"{host}:{address.port}"

    def connectionMade(self) -> None:
        """Start the heartbeat and watch how fast the peer reads."""
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._expect_beat()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Stop everything that was going on for this peer."""
        self.is_lost = True
        for call in (self._beat_call, self._flush_call, self._congested_call):
            if call is not None and call.active():
                call.cancel()
        # What is left must not form a ring: in a flood the garbage collector would stop the loop.
        self._beat_call = self._flush_call = self._congested_call = None
        self._outgoing.clear()
        self.ended(reason)

    def _expect_beat(self) -> None:
        self._beat_call = self._clock.callLater(self._heartbeat_s, self._beat)

    def _beat(self) -> None:
        self._expect_beat()
        if self._is_sending_slowly():
            self.log.warn("{peer} takes too long over a frame: closed", peer=self.peer)
            self.dropped("slow frame")
            self.abort()
            return
        self._silent_beats += 1
        if self._silent_beats > SILENT_BEATS_MAX:
            self.log.warn("{peer} has fallen silent: connection closed", peer=self.peer)
            self.dropped("silence")
            self.abort()
        elif self._silent_beats > 1 and self.state not in (
            State.AWAITS_HELLO,
            State.AWAITS_WELCOME,
        ):
            self.send(Ping())

    def _is_sending_slowly(self) -> bool:
        """Whether the peer is in the middle of the same frame for too long, byte by byte."""
        header = self._connection.unfinished_header
        is_same = bool(header) and header == self._unfinished
        self._slow_beats = self._slow_beats + 1 if is_same else 0
        self._unfinished = header
        return self._slow_beats >= SLOW_FRAME_BEATS_MAX

    # IPushProducer: the transport tells how fast the peer reads.

    def pauseProducing(self) -> None:
        """The peer does not read fast enough; a transport says so at each write until it does."""
        if self.is_congested:
            return
        self.is_congested = True
        self._congested_call = self._clock.callLater(self._unread_s, self._give_up_on_reader)
        self.congestion_changed()

    def resumeProducing(self) -> None:
        """The peer has read what was waiting for it."""
        self.is_congested = False
        if self._congested_call is not None and self._congested_call.active():
            self._congested_call.cancel()
        self._congested_call = None
        self.congestion_changed()

    def stopProducing(self) -> None:
        """The transport is gone; connectionLost says the rest."""

    def _give_up_on_reader(self) -> None:
        self.log.warn("{peer} does not read its replies: connection closed", peer=self.peer)
        self.dropped("slow reader")
        self.abort()


def internal_error(what: str) -> tuple[Code, str]:
    """What a client may know of our own trouble."""
    return Code.INTERNAL, f"{what}; it is in the server's log, try again"
