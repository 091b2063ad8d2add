"""In-memory connections, threads and a whole audit daemon, for the tests of `audit`.

For this folder's tests only. Everything happens on the turns of one `Clock`, in the order in which
it was asked for.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from audit.daemon import AuditDaemon
from audit.store import Store
from protocol.authentication import AccessRole, make_verifier
from service.client import ClientProtocol, connect
from service.credentials import Credential, FixedVerifiers
from service.server import Service, WireServerFactory

T = TypeVar("T")

UNREAD_BYTES_MAX = 64 * 1024
"""More than this on its way to an end that does not read stops the writer."""

CREDENTIALS = {role: Credential(role.value, "secret", role) for role in AccessRole}
VERIFIERS = FixedVerifiers(
    {role.value: make_verifier("secret", role, iterations=4096) for role in AccessRole}
)


def settle(clock: Clock, turns: int = 200) -> None:
    """Let everything happen that needs no time to pass."""
    for _ in range(turns):
        clock.advance(0)


def outcome_of(deferred: Deferred[Any]) -> list[Any]:
    """A list that stays empty until the Deferred fires, then holds its result or exception."""
    outcome: list[Any] = []
    deferred.addCallbacks(outcome.append, lambda failure: outcome.append(failure.value))
    return outcome


class ThreadDouble:
    """A thread that works on turns of the clock.

    :ivar is_stalled: nothing is worked on until `go_on`.
    :ivar done: how many pieces of work were.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[Callable[[], None]] = []
        self.is_stalled = False
        self.done = 0

    def __call__(self, work: Callable[[], T]) -> Deferred[T]:
        finished: Deferred[T] = Deferred()

        def run() -> None:
            self.done += 1
            try:
                result = work()
            except Exception:
                finished.errback(Failure())
            else:
                finished.callback(result)

        self._waiting.append(run)
        if not self.is_stalled:
            self._clock.callLater(0, self._run_next)
        return finished

    def go_on(self) -> None:
        """End the stall."""
        self.is_stalled = False
        for _ in self._waiting:
            self._clock.callLater(0, self._run_next)

    def _run_next(self) -> None:
        if self._waiting and not self.is_stalled:
            self._waiting.pop(0)()


class LinkEnd:
    """A transport; what is written arrives at the other end on the next turn, in order."""

    peer: "LinkEnd"
    protocol: IProtocol

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._arrived: list[bytes] = []
        self._is_reading = True
        self._producer: Any = None
        self._is_full = False
        self.is_open = True

    @property
    def unread_bytes(self) -> int:
        """What has arrived and was not read."""
        return sum(map(len, self._arrived))

    def write(self, data: bytes) -> None:
        if self.is_open:
            self.peer._arrived.append(data)
            self._clock.callLater(0, self.peer.deliver)
            too_much = self.peer.unread_bytes > UNREAD_BYTES_MAX
            if too_much and not self._is_full and self._producer:
                self._is_full = True
                self._producer.pauseProducing()

    def deliver(self) -> None:
        """Hand on what has arrived, if the protocol reads and the link still is."""
        while self.is_open and self._is_reading and self._arrived:
            self.protocol.dataReceived(self._arrived.pop(0))
        if not self._arrived and self.peer._is_full:
            self.peer._is_full = False
            self.peer._producer.resumeProducing()

    def pauseProducing(self) -> None:
        self._is_reading = False

    def resumeProducing(self) -> None:
        self._is_reading = True
        self._clock.callLater(0, self.deliver)

    def loseConnection(self) -> None:
        self._clock.callLater(0, self.lost, ConnectionDone())
        self._clock.callLater(0, self.peer.lost, ConnectionDone())

    def abortConnection(self) -> None:
        self.lost(ConnectionLost())
        self._clock.callLater(0, self.peer.lost, ConnectionLost())

    def lost(self, reason: Exception) -> None:
        """The link is gone; what was on its way is too."""
        if self.is_open:
            self.is_open = False
            self.protocol.connectionLost(Failure(reason))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None
        self._is_full = False

    def getPeer(self) -> str:
        return "in memory"

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing waits here anyway."""


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Connects to what a factory makes.

    :ivar is_down: nobody listens.
    :ivar clients: the client's end of each connection, the newest last.
    """

    def __init__(self, clock: Clock, factory: IProtocolFactory) -> None:
        self._clock = clock
        self.factory = factory
        self.is_down = False
        self.clients: list[LinkEnd] = []

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        if self.is_down:
            return fail(ConnectionRefusedError())
        client, server = LinkEnd(self._clock), LinkEnd(self._clock)
        self.clients.append(client)
        for here, there, factory in (
            (client, server, protocolFactory),
            (server, client, self.factory),
        ):
            protocol = factory.buildProtocol(None)  # type: ignore[arg-type]
            assert protocol is not None
            here.peer, here.protocol = there, protocol
        server.protocol.makeConnection(server)  # type: ignore[arg-type]
        client.protocol.makeConnection(client)  # type: ignore[arg-type]
        connected: Deferred[IProtocol] = Deferred()
        self._clock.callLater(0, connected.callback, client.protocol)
        return connected

    def cut(self) -> None:
        """Lose the newest connection, with all that is on its way."""
        self.clients[-1].abortConnection()

    def go_down(self) -> None:
        """Nobody listens any more, and the connection is lost."""
        self.is_down = True
        self.cut()


def server_factory(clock: Clock, service: Service) -> WireServerFactory:
    """A server that every role may log in to, by the role's name."""
    return WireServerFactory(clock, "audit", service, VERIFIERS, b"decoy")


class AuditInMemory:
    """The audit daemon with its file, to be connected to in memory."""

    def __init__(self, clock: Clock, path: Path) -> None:
        self.clock = clock
        self.writer = ThreadDouble(clock)
        self.reader = ThreadDouble(clock)
        self.store = Store(clock, path, self.writer, self.reader)
        opened = outcome_of(Deferred.fromCoroutine(self.store.open()))
        settle(clock)
        assert opened == [None]
        self.daemon = AuditDaemon(clock, self.store)
        self.endpoint = MemoryEndpoint(clock, server_factory(clock, self.daemon))

    def client(self, role: AccessRole) -> ClientProtocol:
        """A logged-in client of this role."""
        connecting = connect(self.endpoint, self.clock, "test", CREDENTIALS[role])
        connected = outcome_of(Deferred.fromCoroutine(connecting))
        settle(self.clock)
        (client,) = connected
        assert isinstance(client, ClientProtocol)
        return client
