"""In-memory connections, clocks and outcomes for the tests of `quote_proxy`.

For this folder's tests only. Nothing here touches a socket or the global reactor.
"""

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
)
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

T = TypeVar("T")

EPOCH_MS = 1_700_000_000_000
SERVER = IPv4Address("TCP", "192.0.2.1", 4444)


def wall_of(clock: Clock) -> Callable[[], int]:
    """A wall clock in step with `clock`, in Unix ms."""
    return lambda: EPOCH_MS + round(clock.seconds() * 1000)


def outcome_of(deferred: Deferred[T]) -> list[object]:
    """A list that stays empty until the Deferred fires, then holds its result or exception."""
    outcome: list[object] = []
    deferred.addCallbacks(outcome.append, lambda failure: outcome.append(failure.value))
    return outcome


class Attempt:
    """One call of `connect`, for the test to decide."""

    def __init__(self, factory: IProtocolFactory) -> None:
        self.connected: Deferred[IProtocol] = Deferred(self._cancel)
        self.cancelled = False
        self.transport = StringTransport()
        self._factory = factory
        self._protocol: IProtocol | None = None

    def _cancel(self, connected: Deferred[IProtocol]) -> None:
        self.cancelled = True
        connected.errback(ConnectingCancelledError(SERVER))

    def accept(self) -> None:
        self._protocol = self._factory.buildProtocol(SERVER)
        assert self._protocol is not None
        self._protocol.makeConnection(self.transport)
        self.connected.callback(self._protocol)

    def refuse(self, reason: Exception | None = None) -> None:
        self.connected.errback(reason or ConnectionRefusedError())

    def receive(self, data: bytes) -> None:
        assert self._protocol is not None
        self._protocol.dataReceived(data)

    def close(self, reason: Exception | None = None) -> None:
        assert self._protocol is not None
        self._protocol.connectionLost(Failure(reason or ConnectionDone()))

    def answer(self, data: bytes) -> None:
        self.accept()
        self.receive(data)
        self.close()

    @property
    def aborted(self) -> bool:
        return self.transport.disconnected


@implementer(IStreamClientEndpoint)
class ManualEndpoint:
    """Collects attempts, each of which stays open until the test decides it."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        self.attempts.append(Attempt(protocolFactory))
        return self.attempts[-1].connected


class MemoryTransport(StringTransport):
    """One end of a link: what is written arrives at the other end on the next turn of the clock."""

    peer: "MemoryTransport"
    protocol: IProtocol

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def write(self, data: bytes) -> None:
        if self.connected and not self.disconnecting:
            self._clock.callLater(0, self.peer.deliver, data)

    def deliver(self, data: bytes) -> None:
        if self.connected:
            self.protocol.dataReceived(data)

    def loseConnection(self) -> None:
        self.disconnecting = True
        self._clock.callLater(0, self.lost, ConnectionDone())
        self._clock.callLater(0, self.peer.lost, ConnectionDone())

    def abortConnection(self) -> None:
        self.lost(ConnectionAborted())
        self._clock.callLater(0, self.peer.lost, ConnectionLost())

    def lost(self, reason: Exception) -> None:
        if self.connected:
            self.connected = False
            self.protocol.connectionLost(Failure(reason))


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Connects at once to protocols that a server factory builds."""

    def __init__(self, clock: Clock, server: IProtocolFactory) -> None:
        self._clock = clock
        self._server = server

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        ends = (MemoryTransport(self._clock), MemoryTransport(self._clock))
        for here, there, factory in zip(
            ends, reversed(ends), (protocolFactory, self._server), strict=True
        ):
            protocol = factory.buildProtocol(SERVER)
            assert protocol is not None
            here.peer, here.protocol = there, protocol
        connected: Deferred[IProtocol] = Deferred()
        self._clock.callLater(0, self._complete, ends, connected)
        return connected

    def _complete(
        self, ends: tuple[MemoryTransport, MemoryTransport], connected: Deferred[IProtocol]
    ) -> None:
        for end in reversed(ends):
            end.protocol.makeConnection(end)
        connected.callback(ends[0].protocol)
