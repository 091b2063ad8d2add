"""A server in memory, a service behind it that answers when told to, and clients of either kind.

For the tests of `service` and `reactor_server` only.
"""

from collections.abc import Callable

from twisted.internet.endpoints import connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from protocol.authentication import AccessRole, ClientLogIn, make_verifier
from protocol.connection import Connection, Unreadable, hello
from protocol.errors import Code
from protocol.fields import NO_ID
from protocol.messages import (
    Add,
    Command,
    Error,
    Health,
    LoggedIn,
    LogInChallenge,
    Message,
    Receipt,
)
from protocol.states import Role
from service.client import ClientProtocol, connect
from service.credentials import Credential, FixedVerifiers, VerifierSource
from service.limits import PortLimits
from service.server import Link, WireServerFactory
from tests.service.links import BoundedClock, MemoryEndpoint, SocketDouble, outcome_of

PASSWORD = "correct horse"
LOG_IN_ID = b"log-in".ljust(16)
ROLES = {
    "ann": AccessRole.USER,
    "bench": AccessRole.WORKLOAD,
    "root": AccessRole.ADMINISTRATOR,
    "node-1": AccessRole.NODE,
    "olga": AccessRole.OPERATOR,
}
VERIFIERS = FixedVerifiers(
    {name: make_verifier(PASSWORD, role, iterations=4096) for name, role in ROLES.items()}
)
RECEIPT = Receipt(1, 1_700_000_000_000)


def credential(name: str, password: str = PASSWORD) -> Credential:
    """What somebody logs in with."""
    return Credential(name, password, ROLES.get(name, AccessRole.USER))


def request_id(number: int) -> bytes:
    """An id that a test can tell."""
    return b"request-" + number.to_bytes(8, "big")


def add(number: int = 1) -> Command:
    """A request like any other."""
    return Add("ann", number, 100)


class ServiceDouble:
    """Takes every request and answers when the test says so.

    :ivar requests: who asked, under which id, what; oldest first.
    :ivar on_request: called with each request, besides.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[Link, bytes, Message]] = []
        self.lost: list[Link] = []
        self.congestion: list[bool] = []
        self.state = Health(True, "")
        self.on_request: Callable[[], None] = lambda: None

    @property
    def ids(self) -> list[bytes]:
        """The ids of the requests that came."""
        return [request_id for _, request_id, _ in self.requests]

    def request_received(self, link: Link, request_id: bytes, request: Message) -> None:
        self.requests.append((link, request_id, request))
        self.on_request()

    def answer(self, number: int = 0, reply: Message = RECEIPT) -> None:
        """Answer a request, counted from the first."""
        link, request_id, _ = self.requests[number]
        link.reply(request_id, reply)

    def link_lost(self, link: Link) -> None:
        self.lost.append(link)

    def congestion_changed(self, link: Link) -> None:
        self.congestion.append(link.is_congested)

    def health(self) -> Health:
        return self.state


class Caller(Protocol):
    """A client that says what the test wants, in whatever order, and keeps what it hears."""

    transport: SocketDouble

    def __init__(self) -> None:
        self._connection = Connection(Role.CLIENT)
        self.heard: list[tuple[bytes, Message]] = []
        self.is_lost = False

    def say(self, message: Message, request_id: bytes = NO_ID) -> None:
        """Send what the state allows."""
        self.transport.write(self._connection.send(message, request_id))

    def dataReceived(self, data: bytes) -> None:
        for request_id, message in self._connection.receive(data):
            assert not isinstance(message, Unreadable)
            self.heard.append((request_id, message))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_lost = True

    def frame(self, message: Message, request_id: bytes) -> bytes:
        """The bytes of a message, not sent."""
        return self._connection.send(message, request_id)

    @property
    def last(self) -> tuple[bytes, Message]:
        """What was heard last."""
        return self.heard[-1]

    @property
    def farewell(self) -> Code:
        """Why the server ended the connection."""
        answered_id, error = self.last
        assert isinstance(error, Error)
        assert answered_id == NO_ID
        assert self.is_lost
        return Code(error.code)


class ServerInMemory:
    """A server with a service double behind it."""

    def __init__(
        self,
        verifiers: VerifierSource = VERIFIERS,
        clock: BoundedClock | None = None,
        limits: PortLimits | None = None,
    ) -> None:
        self.clock = clock or BoundedClock()
        self.service = ServiceDouble()
        self.factory = WireServerFactory(
            self.clock,
            "server-1",
            self.service,
            verifiers,
            b"decoy",
            limits or PortLimits(),
        )
        self.endpoint = MemoryEndpoint(self.clock, self.factory)

    def turn(self) -> None:
        """Let everything happen that needs no time to pass."""
        self.clock.advance(0)

    def caller(self) -> Caller:
        """A client that has connected, and no more."""
        caller = Caller()
        connectProtocol(self.endpoint, caller)
        self.turn()
        return caller

    def greeted(self) -> Caller:
        """A client that has said hello."""
        caller = self.caller()
        caller.say(hello("test"))
        self.turn()
        return caller

    def log_in(self, caller: Caller, name: str, password: str = PASSWORD) -> Message:
        """Go through a log-in, and return the server's last word on it."""
        exchange = ClientLogIn(name, password)
        caller.say(exchange.first(), LOG_IN_ID)
        self.turn()
        _, challenge = caller.last
        assert isinstance(challenge, LogInChallenge)
        heard = len(caller.heard)
        caller.say(exchange.prove(challenge), LOG_IN_ID)
        self.turn()
        answered_id, verdict = caller.heard[heard]
        if isinstance(verdict, LoggedIn):
            assert exchange.finish(verdict) == ROLES[name]
        assert answered_id in (LOG_IN_ID, NO_ID)
        return verdict

    def logged_in(self, name: str = "bench") -> Caller:
        """A client that may ask."""
        caller = self.greeted()
        assert isinstance(self.log_in(caller, name), LoggedIn)
        caller.heard.clear()
        return caller

    def ask(self, caller: Caller, *numbers: int) -> None:
        """Let a client send requests with these ids."""
        for number in numbers:
            caller.say(add(), request_id(number))
        self.turn()

    def client(self, name: str = "bench") -> ClientProtocol:
        """The project's own client, logged in."""
        connected = outcome_of(connect(self.endpoint, self.clock, "test", credential(name)))
        self.turn()
        (client,) = connected
        assert isinstance(client, ClientProtocol)
        return client
