"""What is sent in one turn of the reactor, on a descriptor that the reactor would write later."""

from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.task import Clock

from protocol.errors import Code
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
    """A socket that takes everything."""

    def __init__(self) -> None:
        reactor: Any = Writers()
        super().__init__(reactor)
        self.writers: set[Any] = reactor.writers
        self.connected = True
        self.sent = b""
        self.ended: object = None

    def writeSomeData(self, data: bytes) -> int:
        self.sent += data
        return len(data)

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


def test_a_connection_that_ends_meanwhile_is_ended_by_the_reactor() -> None:
    protocol, descriptor = connected()
    protocol.close()
    protocol.send(FAREWELL)
    assert descriptor.ended is None, "not in the middle of whatever sends"
    descriptor.turn()
    assert descriptor.ended is CONNECTION_DONE
