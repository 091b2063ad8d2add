"""The client's end of a connection: log in, ask, be answered.

Imports only `protocol` and `service`. Used by every component that speaks to another one.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import ClientFactory
from twisted.python.failure import Failure

from protocol.authentication import ClientLogIn
from protocol.connection import Unreadable, hello
from protocol.errors import Code, RemoteProtocolError, TradeError
from protocol.fields import NO_ID
from protocol.messages import (
    Chunk,
    Drain,
    Error,
    LoggedIn,
    LogInChallenge,
    Message,
    Welcome,
)
from protocol.states import Role
from service.credentials import Credential
from service.limits import HEARTBEAT_S
from service.wire import WireProtocol

OnReply = Callable[[Message], None]
OnChunk = Callable[[bytes], None]

_LOG_IN_ID = b"log-in".ljust(16, b"\0")


class ConnectionEnded(Exception):
    """The connection ended before the answer came; whether the request was carried out is
    unknown.
    """


class ClientProtocol(WireProtocol):
    """One connection to a server.

    :ivar server: the server's name, known once logged in.
    :ivar is_draining: the server takes no more requests.
    :ivar on_drain: called when the server says so.
    :ivar on_end: called once when the connection is gone.
    """

    def __init__(
        self,
        clock: IReactorTime,
        agent: str,
        credential: Credential,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        super().__init__(clock, Role.CLIENT, heartbeat_s)
        self._agent = agent
        self._credential = credential
        self._exchange: ClientLogIn | None = None
        self._logged_in: Deferred[ClientProtocol] = Deferred()
        self._ended: Deferred[None] = Deferred()
        self._waiting: dict[bytes, OnReply] = {}
        self._streams: dict[bytes, OnChunk] = {}
        self._waiters: dict[bytes, Deferred[Message]] = {}
        self._followers: dict[bytes, OnReply] = {}
        self._made_ids = 0
        self.server = ""
        self.is_draining = False
        self.on_drain: Callable[[], None] = lambda: None
        self.on_end: Callable[[], None] = lambda: None

    def when_ended(self) -> "Deferred[None]":
        """Fires when the connection is gone; to be asked for once."""
        return self._ended

    def when_logged_in(self) -> "Deferred[ClientProtocol]":
        """Fires with this protocol once the log-in is done; to be asked for once.

        Fails with `TradeError` LOGIN_FAILED, or `ConnectionEnded`.
        """
        return self._logged_in

    # Asking.

    def ask(
        self,
        request_id: bytes,
        request: Message,
        on_reply: OnReply,
        on_chunk: OnChunk | None = None,
    ) -> None:
        """Send a request; `on_reply` gets the answer, an Error included, unless the connection
        ends.
        """
        self._waiting[request_id] = on_reply
        if on_chunk is not None:
            self._streams[request_id] = on_chunk
        self.send(request, request_id)

    def request(
        self, request: Message, request_id: bytes | None = None, on_chunk: OnChunk | None = None
    ) -> Deferred[Message]:
        """Send a request; fires with the answer.

        Fails with `TradeError` when the answer is an Error, and with `ConnectionEnded`.
        Cancelling gives up waiting; the server may carry the request out all the same.
        """
        if request_id is None:
            self._made_ids += 1
            request_id = self._made_ids.to_bytes(16, "big")
        known_id = request_id
        waiter: Deferred[Message] = Deferred(lambda _: self._forget(known_id))
        if self.is_lost:
            waiter.errback(ConnectionEnded("not connected"))
            return waiter
        self._waiters[request_id] = waiter
        self.ask(request_id, request, lambda reply: self._settle(known_id, reply), on_chunk)
        return waiter

    def _forget(self, request_id: bytes) -> None:
        self._waiters.pop(request_id, None)
        self._streams.pop(request_id, None)

    def _settle(self, request_id: bytes, reply: Message) -> None:
        waiter = self._waiters.pop(request_id, None)
        if waiter is None:
            return
        if isinstance(reply, Error):
            waiter.errback(TradeError(_code(reply.code), reply.message))
        else:
            waiter.callback(reply)

    def follow(self, request_id: bytes, on_news: OnReply) -> None:
        """Pass on what comes under a request's id after its answer, until the connection ends."""
        self._followers[request_id] = on_news

    def unfollow(self, request_id: bytes) -> None:
        """Pass nothing on any more; what the server still sends under the id is passed over."""
        self._followers.pop(request_id, None)

    @property
    def waiting(self) -> int:
        """Requests that were not answered yet."""
        return len(self._waiting)

    # Being answered.

    def message_received(self, request_id: bytes, message: Message) -> None:
        """Hand an answer to whoever waits for it."""
        if isinstance(message, Chunk):
            on_chunk = self._streams.get(request_id)
            if on_chunk is not None:
                on_chunk(message.data)
            return
        on_reply = self._waiting.pop(request_id, None)
        if on_reply is not None:
            self._streams.pop(request_id, None)
            on_reply(message)
        elif request_id in self._followers:
            self._followers[request_id](message)
        else:
            self._control_received(request_id, message)

    def _control_received(self, request_id: bytes, message: Message) -> None:
        if isinstance(message, Welcome):
            self._begin_log_in(message)
        elif isinstance(message, LogInChallenge):
            self._prove(message)
        elif isinstance(message, LoggedIn):
            self._finish(message)
        elif isinstance(message, Error) and request_id in (NO_ID, _LOG_IN_ID):
            self._fail_log_in(TradeError(_code(message.code), message.message))
        elif isinstance(message, Drain):
            self.is_draining = True
            self.on_drain()

    def _begin_log_in(self, welcome: Welcome) -> None:
        self.server = welcome.server
        try:
            self._exchange = ClientLogIn(self._credential.name, self._credential.password)
        except TradeError as refusal:
            self._fail_log_in(refusal)
        else:
            self.send(self._exchange.first(), _LOG_IN_ID)

    def _prove(self, challenge: LogInChallenge) -> None:
        assert self._exchange is not None
        try:
            self.send(self._exchange.prove(challenge), _LOG_IN_ID)
        except TradeError as refusal:
            self._fail_log_in(refusal)

    def _finish(self, verdict: LoggedIn) -> None:
        assert self._exchange is not None
        try:
            self._exchange.finish(verdict)
        except TradeError as refusal:
            self._fail_log_in(refusal)
        else:
            self._settle_log_in(self)

    def _settle_log_in(self, result: "ClientProtocol | Failure") -> None:
        if not self._logged_in.called:
            self._logged_in.callback(result)

    def _fail_log_in(self, refusal: TradeError) -> None:
        self.log.warn("{peer} said: {refusal}", peer=self.peer, refusal=str(refusal))
        self._settle_log_in(Failure(refusal))
        self.close()

    def unreadable_received(self, request_id: bytes, unreadable: Unreadable) -> None:
        """Never called: what a server sends wrongly ends the connection."""
        raise AssertionError(unreadable)

    def protocol_broken(self, violation: RemoteProtocolError) -> None:
        """Fail the log-in, if it was that, and end the connection."""
        self._settle_log_in(Failure(violation))
        super().protocol_broken(violation)

    # The life of the connection.

    def connectionMade(self) -> None:
        """Say hello."""
        super().connectionMade()
        self.send(hello(self._agent))

    def ended(self, reason: Failure) -> None:
        """Tell everybody who waits that no answer will come."""
        self._settle_log_in(Failure(ConnectionEnded("the connection ended during the log-in")))
        waiters = list(self._waiters.values())
        self._waiters.clear()
        self._waiting.clear()
        self._streams.clear()
        self._followers.clear()
        for waiter in waiters:
            waiter.errback(ConnectionEnded("the connection ended before the answer came"))
        self.on_end()
        self._clock.callLater(0, self._ended.callback, None)


def _code(number: int) -> Code:
    """The code of this number; a newer server may know more of them than we do."""
    try:
        return Code(number)
    except ValueError:
        return Code.INTERNAL


class WireClientFactory(ClientFactory):
    """Makes a `ClientProtocol` for each attempt to connect."""

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        agent: str,
        credential: Credential,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._clock = clock
        self._agent = agent
        self._credential = credential
        self._heartbeat_s = heartbeat_s

    def buildProtocol(self, addr: IAddress | None) -> ClientProtocol:
        """Make the protocol for one connection."""
        return ClientProtocol(self._clock, self._agent, self._credential, self._heartbeat_s)


async def connect(
    endpoint: IStreamClientEndpoint,
    clock: IReactorTime,
    agent: str,
    credential: Credential,
    heartbeat_s: float = HEARTBEAT_S,
) -> ClientProtocol:
    """Connect once and log in.

    Raises what the endpoint raises, `TradeError` LOGIN_FAILED, or `ConnectionEnded`.
    """
    protocol: Any = await endpoint.connect(WireClientFactory(clock, agent, credential, heartbeat_s))
    try:
        logged_in: ClientProtocol = await protocol.when_logged_in()
    except BaseException:
        protocol.abort()
        raise
    return logged_in
