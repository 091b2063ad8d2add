"""The way in to a server: a log-in within some seconds, and not too many tries.

Used by `service.server`.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from protocol.authentication import AccessRole, ServerLogIn, decoy_verifier, name_of
from protocol.errors import Code, TradeError
from protocol.messages import Error, LogIn, LogInProof
from protocol.states import Role
from service.admission import Admission
from service.credentials import VerifierSource
from service.endpoints import certified_roles
from service.limits import PortLimits
from service.server_figures import WireCounters
from service.wire import WireProtocol, internal_error

OnLogIn = Callable[[Any, str, bool], None]


class LogInPort(Protocol):
    """What a log-in needs of its port; see `service.server.WireServerFactory`."""

    clock: IReactorTime
    limits: PortLimits
    verifiers: VerifierSource
    decoy_secret: bytes
    admission: Admission
    counters: WireCounters
    on_log_in: OnLogIn


class LogInProtocol(WireProtocol):
    """A client's connection until it is logged in.

    :ivar name, role: who it is, once it is logged in.
    """

    log = Logger()

    def __init__(self, port: LogInPort) -> None:
        limits = self._limits = port.limits
        super().__init__(
            port.clock, Role.SERVER, limits.heartbeat_s, limits.unread_s, limits.frame_bytes_max
        )
        self._port = port
        self._log_in: ServerLogIn | None = None
        self._log_in_tries = 0
        self._claimed_name = ""
        self._log_in_call: Any = None
        self._looking_up: Deferred[None] | None = None
        self.name = ""
        self.role = AccessRole.USER

    @abstractmethod
    def logged_in(self) -> None:
        """The client has proven who it is, and was told so."""

    @property
    def host(self) -> str:
        """The address that the client comes from."""
        return str(getattr(self.transport.getPeer(), "host", "local"))

    def start_log_in(self, request_id: bytes, message: LogIn) -> None:
        """Look up who it is, and answer with a challenge."""
        self._log_in_tries += 1
        self._claimed_name = ""
        self._looking_up = Deferred.fromCoroutine(self._challenge(request_id, message))
        self._looking_up.addErrback(self._log_in_broken, request_id)

    async def _challenge(self, request_id: bytes, message: LogIn) -> None:
        try:
            name = self._claimed_name = name_of(message)
            if not self._port.admission.may_try(self.host):
                raise TradeError(Code.SLOW_DOWN, "too many log-ins were refused to your address")
            verifier = await self._port.verifiers.verifier_for(name)
            if verifier is None:
                verifier = decoy_verifier(name, self._port.decoy_secret)
            self._log_in = ServerLogIn(verifier)
            challenge = self._log_in.challenge(message)
        except TradeError as refusal:
            self._refuse_log_in(request_id, refusal)
        else:
            self.name, self.role = name, verifier.role
            self.send(challenge, request_id)

    def finish_log_in(self, request_id: bytes, message: LogInProof) -> None:
        """Judge the proof; the connection is open, or the client may try again."""
        assert self._log_in is not None
        try:
            verdict = self._log_in.judge(message)
            self._check_certificate()
        except TradeError as refusal:
            self._refuse_log_in(request_id, refusal)
            return
        self._log_in_call.cancel()
        self._port.counters.logged_in += 1
        self._port.on_log_in(self, self.name, False)
        self.send(verdict, request_id)
        self.logged_in()

    def _check_certificate(self) -> None:
        """Who has a certificate may log in only as what it names."""
        roles = certified_roles(self.transport)
        if roles is not None and self.role.value not in roles:
            raise TradeError(
                Code.NOT_PERMITTED, f"your certificate is not for the role {self.role.value}"
            )

    def _refuse_log_in(self, request_id: bytes, refusal: TradeError) -> None:
        self.log.warn("log-in refused to {peer}", peer=self.peer)
        self._port.counters.log_ins_refused += 1
        self._port.admission.was_refused(self.host)
        self._port.on_log_in(self, self._claimed_name, True)
        if self._log_in_tries >= self._limits.log_in_tries:
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

    def connectionMade(self) -> None:
        """Give the client some seconds to log in."""
        super().connectionMade()
        self._log_in_call = self._clock.callLater(self._limits.log_in_s, self._log_in_timed_out)

    def _log_in_timed_out(self) -> None:
        self.dropped("slow log-in")
        self.send(Error(Code.TOO_SLOW, f"log in within {self._limits.log_in_s:g} s"))
        self.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Give up the log-in."""
        if self._log_in_call is not None and self._log_in_call.active():
            self._log_in_call.cancel()
        if self._looking_up is not None:
            self._looking_up.cancel()
        self._log_in_call = self._looking_up = self._log_in = None
        super().connectionLost(reason)
