"""What is sent in one turn of the reactor, on a socket that may take all of it, a part, or none."""

from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionLost
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.task import Clock

from protocol.codec import frame
from protocol.errors import Code
from protocol.fields import NO_ID
from protocol.messages import Error
from protocol.states import Role
from service.wire import BUFFERED_BYTES_MAX, WireProtocol


class Writers:
    """The part of a reactor that a descriptor asks to be written."""

    def __init__(self) -> None:
        self.writers: set[Any] = set()

    def addWriter(self, writer: object) -> None:
        self.writers.add(writer)

    def removeWriter(self, writer: object) -> None:
        self.writers.discard(writer)

    def removeReader(self, reader: object) -> None: ...


class Descriptor(FileDescriptor):
    """A socket that takes everything, unless its other end is slow.

    :ivar room_bytes: how much it takes until there is more room.
    """

    def __init__(self) -> None:
        reactor: Any = Writers()
        super().__init__(reactor)
        self.writers: set[Any] = reactor.writers
        self.connected = True
        self.sent = b""
        self.room_bytes = 1 << 30
        self.is_broken = False
        self.ended: object = None

    def writeSomeData(self, data: bytes) -> int | ConnectionLost:
        if self.is_broken:
            return CONNECTION_LOST
        taken = bytes(data[: self.room_bytes])
        self.sent += taken
        self.room_bytes -= len(taken)
        return len(taken)

    def setTcpNoDelay(self, enabled: bool) -> None: ...

    def turn(self) -> None:
        """Let the reactor write once."""
        for writer in list(self.writers):
            self.ended = writer.doWrite()


def connected() -> tuple[WireProtocol, Descriptor]:
    protocol, descriptor = WireProtocol(Clock(), Role.SERVER), Descriptor()
    protocol.makeConnection(descriptor)
    return protocol, descriptor


FAREWELL = Error(Code.INTERNAL, "x" * BUFFERED_BYTES_MAX)


def test_what_is_long_is_at_the_socket_before_the_turn_ends() -> None:
    protocol, descriptor = connected()
    protocol.send(FAREWELL)
    assert len(descriptor.sent) > BUFFERED_BYTES_MAX
    assert not descriptor.writers, "nothing is left for the reactor"


def test_what_is_short_waits_for_the_end_of_the_turn() -> None:
    protocol, descriptor = connected()
    protocol.send(Error(Code.INTERNAL, "short"))
    assert descriptor.sent == b""


def say(protocol: WireProtocol, *words: str) -> bytes:
    """Send each in a turn of its own; returns the frames."""
    for word in words:
        protocol.send(Error(Code.INTERNAL, word))
        protocol.flush()
    return b"".join(frame(Error(Code.INTERNAL, word), NO_ID) for word in words)


def test_what_the_socket_takes_is_no_congestion() -> None:
    protocol, descriptor = connected()
    descriptor.bufferSize = 10
    frames = say(protocol, "a", "b" * 1000)
    assert descriptor.sent == frames
    assert not protocol.is_congested
    assert not descriptor.writers


def test_what_it_does_not_take_follows_in_order_and_is_congestion_until_it_has() -> None:
    protocol, descriptor = connected()
    descriptor.bufferSize = 10
    descriptor.room_bytes = 30
    frames = say(protocol, "first" * 5, "second", "third")
    assert descriptor.sent == frames[:30]
    assert protocol.is_congested
    descriptor.room_bytes = 1 << 30
    descriptor.turn()
    assert not protocol.is_congested
    frames += say(protocol, "fourth")
    assert descriptor.sent == frames
    assert not descriptor.writers


def test_a_rest_too_short_for_congestion_is_not_overtaken() -> None:
    protocol, descriptor = connected()
    descriptor.room_bytes = 10
    frames = say(protocol, "first")
    assert not protocol.is_congested
    descriptor.room_bytes = 20
    frames += say(protocol, "second", "third")
    assert descriptor.sent == frames[:30]
    descriptor.room_bytes = 1 << 30
    descriptor.turn()
    assert descriptor.sent == frames


def test_a_socket_that_is_broken_is_ended_by_the_reactor() -> None:
    protocol, descriptor = connected()
    descriptor.is_broken = True
    say(protocol, "nobody hears this")
    assert descriptor.ended is None
    descriptor.turn()
    assert descriptor.ended is CONNECTION_LOST


def test_a_connection_that_ends_meanwhile_is_ended_by_the_reactor() -> None:
    protocol, descriptor = connected()
    protocol.close()
    protocol.send(FAREWELL)
    assert descriptor.ended is None, "not in the middle of whatever sends"
    descriptor.turn()
    assert descriptor.ended is CONNECTION_DONE
