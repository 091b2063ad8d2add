"""The server's end of a connection: hello, log-in, a window of requests, and their answers.

Imports only `protocol` and `service`. What is asked is for a `Service` to answer; it never sees a
client that is not logged in.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from protocol.authentication import (
    AccessRole,
    ServerLogIn,
    decoy_verifier,
    name_of,
)
from protocol.connection import Unreadable, choose_version, welcome
from protocol.errors import Code, RemoteProtocolError, TradeError
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
from protocol.states import Role, State
from service.credentials import VerifierSource
from service.link import Link as Link
from service.link import Service as Service
from service.server_figures import WireCounters
from service.wire import HEARTBEAT_S, WireProtocol, internal_error

LOG_IN_S_MAX = 10.0
"""How long a client may take to say hello and log in."""

LOG_IN_TRIES_MAX = 5
OUTSTANDING_MAX = 16_384
"""Requests of one connection that may wait for an answer; no more are read until half are
answered.
"""


OnLogIn = Callable[["ServerProtocol", str, bool], None]


class ServerProtocol(WireProtocol):
    """One client's connection.

    :ivar number: which one it is of those that this port has taken; it names the session.
    """

    log = Logger()

    def __init__(self, factory: "WireServerFactory") -> None:
        super().__init__(factory.clock, Role.SERVER, factory.heartbeat_s)
        self._factory = factory
        self._log_in: ServerLogIn | None = None
        self._log_in_tries = 0
        self._claimed_name = ""
        self._log_in_call: Any = None
        self._looking_up: Deferred[None] | None = None
        self._outstanding = 0
        self._is_reading = True
        self._last_id = NO_ID
        self.number = 0
        self.name = ""
        self.role = AccessRole.USER

    # Requests and replies.

    def reply(self, request_id: bytes, message: Message) -> None:
        """See `Link`."""
        self._outstanding -= 1
        self.send(message, request_id)
        if not self._is_reading:
            self._regulate_reading()

    def push(self, request_id: bytes, message: Message) -> None:
        """See `Link`."""
        self.send(message, request_id)

    def message_received(self, request_id: bytes, message: Message) -> None:
        """Answer what the connection itself can answer, and pass on the rest."""
        if self.state in (State.OPEN, State.DRAINING) and not isinstance(message, HealthRequest):
            self._outstanding += 1
            self._last_id = request_id
            if self._outstanding >= OUTSTANDING_MAX:
                self._regulate_reading()
            self._factory.service.request_received(self, request_id, message)
        elif isinstance(message, HealthRequest):
            self.send(self._factory.service.health(), request_id)
        elif isinstance(message, Hello):
            version = choose_version(message)
            heartbeat_ms = int(self._heartbeat_s * 1000)
            self.send(welcome(self._factory.name, version, OUTSTANDING_MAX, heartbeat_ms))
        elif isinstance(message, LogIn):
            self._start_log_in(request_id, message)
        elif isinstance(message, LogInProof):
            self._finish_log_in(request_id, message)

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
        limit = OUTSTANDING_MAX if self._is_reading else OUTSTANDING_MAX // 2
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

    # Log-in.

    def _start_log_in(self, request_id: bytes, message: LogIn) -> None:
        self._log_in_tries += 1
        self._claimed_name = ""
        self._looking_up = Deferred.fromCoroutine(self._challenge(request_id, message))
        self._looking_up.addErrback(self._log_in_broken, request_id)

    async def _challenge(self, request_id: bytes, message: LogIn) -> None:
        try:
            name = self._claimed_name = name_of(message)
            verifier = await self._factory.verifiers.verifier_for(name)
            if verifier is None:
                verifier = decoy_verifier(name, self._factory.decoy_secret)
            self._log_in = ServerLogIn(verifier)
            challenge = self._log_in.challenge(message)
        except TradeError as refusal:
            self._refuse_log_in(request_id, refusal)
        else:
            self.name, self.role = name, verifier.role
            self.send(challenge, request_id)

    def _finish_log_in(self, request_id: bytes, message: LogInProof) -> None:
        assert self._log_in is not None
        try:
            verdict = self._log_in.judge(message)
        except TradeError as refusal:
            self._refuse_log_in(request_id, refusal)
            return
        self._log_in_call.cancel()
        self._factory.counters.logged_in += 1
        self._factory.on_log_in(self, self.name, False)
        self.send(verdict, request_id)
        if self._factory.is_draining:
            self.drain()

    def _refuse_log_in(self, request_id: bytes, refusal: TradeError) -> None:
        self.log.warn("log-in refused to {peer}", peer=self.peer)
        self._factory.counters.log_ins_refused += 1
        self._factory.on_log_in(self, self._claimed_name, True)
        if self._log_in_tries >= LOG_IN_TRIES_MAX:
            self.send(Error(refusal.code, "too many failed log-ins on one connection"))
            self.close()
        else:
            self.send(Error(refusal.code, refusal.message), request_id)

    def _log_in_broken(self, failure: Failure, request_id: bytes) -> None:
        if failure.check(CancelledError) is None:
            self.log.failure("a log-in could not be judged", failure)
            code, message = internal_error("the log-in could not be judged")
            self.send(Error(code, message))
            self.close()

    # The life of the connection.

    def connectionMade(self) -> None:
        """Count the client in and give it some seconds to log in."""
        super().connectionMade()
        self._factory.protocols.add(self)
        self._factory.counters.opened += 1
        self.number = self._factory.counters.opened
        self._log_in_call = self._clock.callLater(LOG_IN_S_MAX, self._log_in_timed_out)

    def dropped(self, why: str) -> None:
        """Count a client that we let go."""
        self._factory.counters.dropped[why] += 1

    def _log_in_timed_out(self) -> None:
        self.dropped("slow log-in")
        self.send(Error(Code.TOO_SLOW, f"log in within {LOG_IN_S_MAX:.0f} s"))
        self.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Count the client out."""
        self._factory.protocols.discard(self)
        if self._log_in_call is not None and self._log_in_call.active():
            self._log_in_call.cancel()
        if self._looking_up is not None:
            self._looking_up.cancel()
        super().connectionLost(reason)

    def ended(self, reason: Failure) -> None:
        """Tell the service that the client is gone."""
        self._factory.service.link_lost(self)


class WireServerFactory(ServerFactory):
    """Makes a `ServerProtocol` for each client of one service.

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
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self.clock = clock
        self.name = name
        self.service = service
        self.verifiers = verifiers
        self.decoy_secret = decoy_secret
        self.heartbeat_s = heartbeat_s
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
