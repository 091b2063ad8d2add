"""The server's end of a connection: hello, log-in, a window of requests, and their answers.

Imports only `protocol` and `service`. What is asked is for a `Service` to answer; it never sees a
client that is not logged in.
"""

from collections.abc import Sequence

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from protocol.authentication import AccessRole
from protocol.codec import Framed
from protocol.connection import Unreadable, choose_version, welcome
from protocol.errors import Code, RemoteProtocolError
from protocol.fields import NO_ID
from protocol.messages import (
    Drain,
    Error,
    HealthRequest,
    Hello,
    LogIn,
    LogInProof,
    Message,
)
from protocol.states import State
from service.admission import Admission, Pace
from service.credentials import VerifierSource
from service.limits import PortLimits
from service.link import Link as Link
from service.link import Service as Service
from service.log_in import LogInProtocol, OnLogIn
from service.server_figures import WireCounters

READ_BYTES_MAX = 8 * 1024
"""What one client has sent is taken in so small parts that the answer of a store, or another
client, never waits for long.
"""

FRAME_READ_BYTES_MAX = 64 * 1024
"""What is left of one long frame, such as an Append, is taken in greater parts: it is a single
request, however many reads it comes in, and each read costs a turn of the loop.
"""

_ANSWERED_HERE = frozenset([HealthRequest, Hello, LogIn, LogInProof])


class ServerProtocol(LogInProtocol):
    """One client's connection.

    :ivar number: which one it is of those that this port has taken; it names the session.
    """

    log = Logger()

    def __init__(self, factory: "WireServerFactory") -> None:
        super().__init__(factory)
        self._factory: WireServerFactory = factory
        self._outstanding_max = factory.limits.outstanding_max
        self._pace: Pace | None = None
        self._outstanding = 0
        self._is_reading = True
        self._last_id = NO_ID
        self.number = 0

    # Requests and replies.

    def dataReceived(self, data: bytes) -> None:
        """Take in what the client sent, and say how much is read next."""
        super().dataReceived(data)
        missing = min(self._connection.missing_bytes, FRAME_READ_BYTES_MAX)
        self.transport.bufferSize = max(missing, READ_BYTES_MAX)

    def reply(self, request_id: bytes, message: Message) -> None:
        """See `Link`."""
        self._outstanding -= 1
        self.send(message, request_id)
        self._read_on()

    def reply_framed(self, frames: Sequence[Framed]) -> None:
        """See `Link`."""
        self._outstanding -= len(frames)
        self.send_framed(frames)
        self._read_on()

    def _read_on(self) -> None:
        if not self._is_reading:
            self._regulate_reading()

    def push(self, request_id: bytes, message: Message) -> None:
        """See `Link`."""
        self.send(message, request_id)

    def message_received(self, request_id: bytes, message: Message) -> None:
        """Answer what the connection itself can answer, and pass on the rest."""
        if type(message) in _ANSWERED_HERE:
            self._answer(request_id, message)
        elif self._pace is not None and (refusal := self._pace.refusal(message)) is not None:
            self.send(refusal, request_id)
        else:
            self._outstanding += 1
            self._last_id = request_id
            if self._outstanding >= self._outstanding_max:
                self._regulate_reading()
            self._factory.service.request_received(self, request_id, message)

    def _answer(self, request_id: bytes, message: Message) -> None:
        if isinstance(message, HealthRequest):
            self.send(self._factory.service.health(), request_id)
        elif isinstance(message, Hello):
            version = choose_version(message)
            limits = self._limits
            heartbeat_ms = int(limits.heartbeat_s * 1000)
            self.send(
                welcome(
                    self._factory.name,
                    version,
                    limits.outstanding_max,
                    heartbeat_ms,
                    limits.frame_bytes_max,
                )
            )
        elif isinstance(message, LogIn):
            self.start_log_in(request_id, message)
        elif isinstance(message, LogInProof):
            self.finish_log_in(request_id, message)

    def unreadable_received(self, request_id: bytes, unreadable: Unreadable) -> None:
        """Tell the client what was wrong with its request; it may go on."""
        self.send(Error(unreadable.code, unreadable.message), request_id)

    def protocol_broken(self, violation: RemoteProtocolError) -> None:
        """Say why before the connection ends."""
        self.dropped("broken protocol")
        self.send(Error(violation.code, violation.message))
        super().protocol_broken(violation)

    def drain(self) -> None:
        """Take no more requests; those taken are still answered."""
        if self.state is State.OPEN:
            self.send(Drain(self._last_id))

    @property
    def outstanding(self) -> int:
        """Requests that wait for their answer."""
        return self._outstanding

    def _regulate_reading(self) -> None:
        """Read no more while too much waits for an answer, or for the client to read it."""
        limit = self._outstanding_max if self._is_reading else self._outstanding_max // 2
        may_read = self._outstanding < limit and not self.is_congested
        if may_read != self._is_reading and not self.is_lost:
            self._is_reading = may_read
            if may_read:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()

    def congestion_changed(self) -> None:
        """A client that does not read may not ask either."""
        self._regulate_reading()
        self._factory.service.congestion_changed(self)

    # The life of the connection.

    def logged_in(self) -> None:
        """Keep a place for the client, and a user to a user's pace."""
        self._factory.admission.logged_in(self)
        if self.role is AccessRole.USER:
            self._pace = self._factory.admission.pace_of_user(self.name, self.host)
        if self._factory.is_draining:
            self.drain()

    def connectionMade(self) -> None:
        """Count the client in, if there is room."""
        super().connectionMade()
        self.transport.bufferSize = READ_BYTES_MAX
        self._factory.protocols.add(self)
        self._factory.counters.opened += 1
        self.number = self._factory.counters.opened
        refusal = self._factory.admission.arrived(self)
        if refusal:
            self.dropped("no room")
            self.send(Error(Code.TOO_MANY_CONNECTIONS, refusal))
            self.close()

    def make_room(self) -> None:
        """End, because this client has been logging in for longest and others wait."""
        self.dropped("made room")
        self.abort()

    def dropped(self, why: str) -> None:
        """Count a client that we let go."""
        self._factory.counters.dropped[why] += 1

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Count the client out."""
        self._factory.protocols.discard(self)
        self._factory.admission.left(self)
        super().connectionLost(reason)

    def ended(self, reason: Failure) -> None:
        """Tell the service that the client is gone."""
        self._factory.service.link_lost(self)


_USUAL_LIMITS = PortLimits()


class WireServerFactory(ServerFactory):
    """Makes a `ServerProtocol` for each client of one service.

    :ivar admission: keeps the limits.
    :ivar counters: what has happened so far.
    :ivar on_log_in: called with the session, the name it gave, and whether it was refused.
    :ivar protocols: the clients that are connected now.
    :ivar decoy_secret: random bytes that make log-ins of unknown names look like others.
    :ivar is_draining: nothing more is accepted.
    """

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        service: Service,
        verifiers: VerifierSource,
        decoy_secret: bytes,
        limits: PortLimits = _USUAL_LIMITS,
    ) -> None:
        self.clock = clock
        self.name = name
        self.service = service
        self.verifiers = verifiers
        self.decoy_secret = decoy_secret
        self.limits = limits
        self.admission = Admission(clock, limits)
        self.counters = WireCounters()
        self.on_log_in: OnLogIn = lambda _session, _name, _is_refused: None
        self.protocols: set[ServerProtocol] = set()
        self.is_draining = False

    def buildProtocol(self, addr: IAddress | None) -> ServerProtocol:
        """Make the protocol for one client."""
        return ServerProtocol(self)

    def drain(self) -> None:
        """Tell all clients, and those that are still logging in, that nothing more is accepted."""
        self.is_draining = True
        for protocol in list(self.protocols):
            protocol.drain()

    @property
    def outstanding(self) -> int:
        """Requests of all clients that wait for their answer."""
        return sum(protocol.outstanding for protocol in self.protocols)

    def close_all(self) -> None:
        """End all connections."""
        for protocol in list(self.protocols):
            protocol.close()
