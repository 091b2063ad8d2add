"""The console over telnet: log in, then a terminal.

Used by `twistd_plugins.trade_console`. Each person asks the daemons with the credential of the
person's role, so that the daemons themselves hold to it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from twisted.conch.telnet import (
    ECHO,
    AuthenticatingTelnetProtocol,
    ITelnetProtocol,
    TelnetBootstrapProtocol,
    TelnetTransport,
)
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from console.access import OperatorChecker, Person, Typed
from console.daemons import Daemons
from console.settings import ConsoleSettings
from console.terminal import ConsoleTerminal, terminal_on
from console.verbs import Console
from protocol.authentication import AccessRole
from service.credentials import Credential

LOG_IN_S_MAX = 120.0
"""How long somebody may take to log in; guessing is slowed down to less than this."""

CONNECTIONS_MAX = 32

Record = Callable[[Person, str, str], None]
"""Called with a person, the verb and its words, before it is carried out."""


@implementer(IRealm)
class ConsoleRealm:
    """Makes a terminal for each person.

    :param credentials: what to ask the daemons with, by role.
    """

    def __init__(
        self,
        clock: IReactorTime,
        endpoints: Mapping[str, IStreamClientEndpoint],
        credentials: Mapping[AccessRole, Credential],
        record: Record,
        settings: ConsoleSettings,
    ) -> None:
        self._clock = clock
        self._endpoints = endpoints
        self._credentials = credentials
        self._record = record
        self._idle_s = settings.idle_s

    def requestAvatar(
        self, avatarId: bytes | tuple[()], mind: object, *interfaces: object
    ) -> tuple[type[Interface], object, Callable[[], None]]:
        """A terminal with the rights of the person, who is at the address that `mind` names."""
        assert ITelnetProtocol in interfaces
        assert isinstance(avatarId, bytes)
        person = Person.of(avatarId, str(mind))
        daemons = Daemons(self._clock, self._endpoints, self._credentials[person.role], person.name)
        console = Console(self._clock, daemons, person.role)

        def log_out() -> None:
            self._record(person, "log out", "")
            Deferred.fromCoroutine(daemons.close())

        def make() -> ConsoleTerminal:
            return ConsoleTerminal(
                self._clock,
                console,
                lambda verb, words: self._record(person, verb, words),
                self._idle_s,
            )

        return ITelnetProtocol, TelnetBootstrapProtocol(terminal_on, make), log_out


class _LogIn(AuthenticatingTelnetProtocol):
    """Asks for name and password, also where the client does not negotiate the echo."""

    transport: Any

    def __init__(self, portal: Portal, clock: IReactorTime) -> None:
        super().__init__(portal)
        self._late = clock.callLater(LOG_IN_S_MAX, self._too_late)

    def _too_late(self) -> None:
        self.transport.loseConnection()

    def telnet_User(self, line: bytes) -> str:
        self.username = line
        # A client that will not leave the echo to us types in the open: its own choice.
        self.transport.will(ECHO).addErrback(lambda _failure: None)
        self.transport.write(b"Password: ")
        return "Password"

    def telnet_Password(self, line: bytes) -> str:
        username, password = self.username, line
        self.transport.wont(ECHO).addErrback(lambda _failure: None)
        self.transport.write(b"\n")
        address = self.transport.getPeer()
        origin = f"{address.host}:{address.port}"
        typed = Typed(username, password, origin)
        judging = self.portal.login(typed, origin, ITelnetProtocol)
        judging.addCallbacks(self._let_in, self._keep_out)
        return "Discard"

    def _let_in(self, avatar: Any) -> None:
        if self._late.active():
            self._late.cancel()
        self._cbLogin(avatar)

    def _keep_out(self, failure: Failure) -> None:
        self._ebLogin(failure)

    def telnet_Discard(self, line: bytes) -> None:
        """What comes while a password is judged belongs to nothing."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._late.active():
            self._late.cancel()
        super().connectionLost(reason)


class ConsoleFactory(ServerFactory):
    """Makes a log-in for each connection; too many at once are turned away."""

    noisy = False
    log = Logger()

    def __init__(self, clock: IReactorTime, realm: ConsoleRealm, checker: OperatorChecker) -> None:
        self._clock = clock
        self._portal = Portal(realm, [checker])
        self.transports: set[TelnetTransport] = set()

    def buildProtocol(self, addr: IAddress | None) -> TelnetTransport | None:
        """The telnet layer of one connection."""
        if len(self.transports) >= CONNECTIONS_MAX:
            return None
        transport = _CountedTransport(self.transports, _LogIn, self._portal, self._clock)
        transport.factory = self
        return transport

    def close_all(self) -> None:
        """End all sessions."""
        for transport in list(self.transports):
            transport.loseConnection()


class _CountedTransport(TelnetTransport):
    def __init__(self, transports: set[TelnetTransport], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._transports = transports

    def connectionMade(self) -> None:
        self._transports.add(self)
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._transports.discard(self)
        super().connectionLost(reason)
