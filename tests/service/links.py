"""Connections in memory and a clock that tells when things never come to rest.

For the tests of `service` and `reactor_server` only. Everything above the bytes is Twisted's own:
its write buffer, and when it tells a producer to pause, to go on, or a connection to end.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

T = TypeVar("T")

CALLS_MAX = 200_000
ADDRESS = IPv4Address("TCP", "192.0.2.1", 12100)


class RestlessError(AssertionError):
    """Call followed call without time passing, and there was no end to it."""


class BoundedClock(Clock):
    """A clock whose `advance` fails where it would go on for ever."""

    def advance(self, amount: float) -> None:
        self.rightNow += amount
        for _ in range(CALLS_MAX):
            if not self.calls or self.calls[0].getTime() > self.seconds():
                return
            call = self.calls.pop(0)
            call.called = 1
            call.func(*call.args, **call.kw)
        raise RestlessError(f"still busy after {CALLS_MAX} calls")

    def pass_time(self, seconds: float, step_s: float = 0.125) -> None:
        """Let time pass in steps, as timers that follow each other need it."""
        for _ in range(round(seconds / step_s)):
            self.advance(step_s)


def outcome_of(work: Deferred[T] | Coroutine[Any, Any, T]) -> list[object]:
    """A list that stays empty until the work is done, then holds its result or exception."""
    outcome: list[object] = []
    deferred = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
    deferred.addCallbacks(outcome.append, lambda failure: outcome.append(failure.value))
    return outcome


class SocketDouble(FileDescriptor):
    """One end of a connection; what is written arrives on a later turn, if the other end reads.

    :ivar writes: what the other end has got, piece by piece.
    """

    peer: "SocketDouble"
    protocol: IProtocol

    def __init__(self, clock: Clock) -> None:
        super().__init__(reactor=clock)  # type: ignore[arg-type]
        self._clock = clock
        self._turn: IDelayedCall | None = None
        self.connected = 1
        self.is_reading = True
        self.is_aborted = False
        self.writes: list[bytes] = []

    def startWriting(self) -> None:
        if self._turn is None:
            self._turn = self._clock.callLater(0, self._write_now)

    def stopWriting(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _write_now(self) -> None:
        self._turn = None
        if self.doWrite() is not None:
            self.connectionLost(Failure(ConnectionDone()))
        elif self.unsent_bytes and self.peer.is_reading:
            self.startWriting()

    @property
    def unsent_bytes(self) -> int:
        """What was written and has not left."""
        return len(self.dataBuffer) - self.offset + self._tempDataLen

    def writeSomeData(self, data: bytes) -> int:
        if not self.peer.connected:
            return len(data)
        if not self.peer.is_reading:
            return 0
        if data:
            self.writes.append(data)
            self.peer.protocol.dataReceived(data)
        return len(data)

    def startReading(self) -> None:
        self.is_reading = True
        self.peer.startWriting()

    def stopReading(self) -> None:
        self.is_reading = False

    def abortConnection(self) -> None:
        if self.connected and not self.is_aborted:
            self.is_aborted = True
            self.stopReading()
            self.stopWriting()
            self._clock.callLater(0, self.connectionLost, Failure(ConnectionAborted()))

    def connectionLost(self, reason: Failure) -> None:
        if self.connected:
            super().connectionLost(reason)
            self.protocol.connectionLost(reason)
            self._clock.callLater(0, self.peer.connectionLost, Failure(ConnectionDone()))

    def getPeer(self) -> IPv4Address:
        return ADDRESS

    def getHost(self) -> IPv4Address:
        return ADDRESS

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing is held back here."""


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Connects to what a factory makes.

    :ivar is_down: nobody listens.
    :ivar attempts: when somebody tried to connect, in seconds of the clock.
    :ivar clients: the client's end of each connection, the newest last.
    """

    def __init__(self, clock: Clock, factory: IProtocolFactory) -> None:
        self._clock = clock
        self._factory = factory
        self.is_down = False
        self.attempts: list[float] = []
        self.clients: list[SocketDouble] = []

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        self.attempts.append(self._clock.seconds())
        if self.is_down:
            return fail(ConnectionRefusedError())
        connected: Deferred[IProtocol] = Deferred()
        self._clock.callLater(0, self._complete, protocolFactory, connected)
        return connected

    def _complete(self, client_factory: IProtocolFactory, connected: Deferred[IProtocol]) -> None:
        client, server = SocketDouble(self._clock), SocketDouble(self._clock)
        client.peer, server.peer = server, client
        for end, factory in ((server, self._factory), (client, client_factory)):
            protocol = factory.buildProtocol(ADDRESS)
            assert protocol is not None
            end.protocol = protocol
        for end in (server, client):
            end.protocol.makeConnection(end)
        self.clients.append(client)
        connected.callback(client.protocol)
