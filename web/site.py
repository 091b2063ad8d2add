"""HTTP on a socket: sizes, deadlines, and the way from Twisted's requests to our views.

Used by `web.assembly`. A request must have arrived whole, and small, within a few seconds; then a
`Visit` is made of it. A view is never cancelled, because it may wait for the database.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from zope.interface import implementer

from web.visit import Reply, Sink, Stream, Visit

BODY_BYTES_MAX = 64 * 1024
REQUEST_S_MAX = 10.0
"""From the first byte of a request, or the beginning of the connection, to its last byte."""

IDLE_S_MAX = 60.0
CONNECTIONS_MAX = 2000
PER_ADDRESS_MAX = 200
"""Connections from one address; a browser opens six, but many may share an address."""

FIELDS_MAX = 50

Answer = Callable[[Visit], Awaitable[Reply]]


class SmallRequest(Request):
    """A request whose body is kept only while it is small.

    :ivar is_too_large: there was more than `BODY_BYTES_MAX`; nothing of it is kept.
    """

    content: Any
    channel: Any
    is_too_large = False
    _parsePOSTFormSubmission = False

    def gotLength(self, length: int | None) -> None:
        self.is_too_large = length is not None and length > BODY_BYTES_MAX
        super().gotLength(0 if self.is_too_large else length)
        if self.is_too_large:
            self._refuse_body()

    def handleContentChunk(self, data: bytes) -> None:
        if self.is_too_large:
            return
        if self.content.tell() + len(data) > BODY_BYTES_MAX:
            self.is_too_large = True
            self._refuse_body()
        else:
            super().handleContentChunk(data)

    def _refuse_body(self) -> None:
        """Answer before the rest is there, and hang up: nobody is to make us read it."""
        self.channel.transport.write(
            b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        self.channel.loseConnection()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if not self.is_too_large:
            super().requestReceived(command, path, version)


class PunctualChannel(HTTPChannel):
    """A connection on which each request must be there in time.

    :ivar host: the address that it comes from.
    """

    _deadline: IDelayedCall | None = None
    host = ""

    def connectionMade(self) -> None:
        self._expect_request()
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        if self._deadline is None and not self._handlingRequest:
            self._expect_request()
        super().dataReceived(data)

    def allContentReceived(self) -> None:
        self._stop_expecting()
        super().allContentReceived()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stop_expecting()
        self.factory.count_out(self.host)
        super().connectionLost(reason)

    def _expect_request(self) -> None:
        self._deadline = self.callLater(REQUEST_S_MAX, self._too_slow)

    def _stop_expecting(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        self.forceAbortClient()


class LimitedSite(Site):
    """All connections to one port of ours, so many and no more.

    :param per_address_max: how many may come from one address.
    :ivar connections: how many there are now.
    """

    protocol = PunctualChannel  # type: ignore[assignment]
    displayTracebacks = False

    def __init__(
        self, reactor: Any, root: IResource, per_address_max: int = PER_ADDRESS_MAX
    ) -> None:
        super().__init__(root, requestFactory=SmallRequest, timeout=IDLE_S_MAX, reactor=reactor)
        self._per_address_max = per_address_max
        self._by_host: Counter[str] = Counter()
        self.connections = 0

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Make a channel, or hang up where there are too many."""
        host = str(getattr(addr, "host", ""))
        is_full = self.connections >= CONNECTIONS_MAX
        if is_full or self._by_host[host] >= self._per_address_max:
            return None
        self.connections += 1
        self._by_host[host] += 1
        channel: Any = super().buildProtocol(addr)
        channel.host = host
        return channel

    def count_out(self, host: str) -> None:
        """A connection from this address has ended."""
        self.connections -= 1
        self._by_host[host] -= 1
        if not self._by_host[host]:
            del self._by_host[host]

    def log(self, request: Any) -> None:
        """Write no line for each request: paths name users, and nobody reads the lines."""


@implementer(IPushProducer)
class RequestSink(Sink):
    """A request's own connection as the place where a streamed answer goes."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._is_lost = False
        self._has_room = True
        self._on_lost: Callable[[], None] = lambda: None
        self._on_room: Callable[[bool], None] = lambda _has_room: None
        request.notifyFinish().addErrback(self._lost)
        request.registerProducer(self, True)

    @property
    def is_lost(self) -> bool:
        """See `Sink`."""
        return self._is_lost

    @property
    def has_room(self) -> bool:
        """See `Sink`."""
        return self._has_room

    def write(self, data: bytes) -> None:
        """See `Sink`."""
        if not self._is_lost:
            self._request.write(data)

    def when_lost(self, call: Callable[[], None]) -> None:
        """See `Sink`."""
        self._on_lost = call

    def when_room_changes(self, call: Callable[[bool], None]) -> None:
        """See `Sink`."""
        self._on_room = call

    def abort(self) -> None:
        """See `Sink`."""
        if not self._is_lost:
            self._is_lost = True
            self._request.channel.forceAbortClient()

    def _lost(self, _reason: Failure) -> None:
        self._is_lost = True
        self._on_lost()

    def pauseProducing(self) -> None:
        """The reader is slower than we are."""
        self._has_room = False
        self._on_room(False)

    def resumeProducing(self) -> None:
        """The reader has room."""
        self._has_room = True
        self._on_room(True)

    def stopProducing(self) -> None:
        """The reader is gone; `_lost` says so too."""


class Front(Resource):
    """The one resource: every request becomes a `Visit`."""

    log = Logger()
    isLeaf = True

    def __init__(self, answer: Answer, *, is_behind_proxy: bool) -> None:
        super().__init__()
        self._answer = answer
        self._is_behind_proxy = is_behind_proxy

    def render(self, request: Request) -> int:
        """Answer a request, now or later."""
        serving = Deferred.fromCoroutine(self._serve(request))
        serving.addErrback(self._broken, request)
        return NOT_DONE_YET

    async def _serve(self, request: Request) -> None:
        reply = await self._answer(self._visit_of(request))
        if getattr(request, "_disconnected", False):
            return
        request.setResponseCode(int(reply.status))
        request.responseHeaders.setRawHeaders("Content-Type", [reply.content_type])
        for name, value in reply.headers.items():
            request.responseHeaders.setRawHeaders(name, [value])
        for cookie in reply.cookies:
            request.responseHeaders.addRawHeader("Set-Cookie", cookie)
        if isinstance(reply.body, Stream):
            sink = RequestSink(request)
            await reply.body.run(sink)
            if not sink.is_lost:
                request.unregisterProducer()
                request.finish()
        else:
            request.setHeader(b"content-length", str(len(reply.body)).encode())
            if request.method != b"HEAD":
                request.write(reply.body)
            request.finish()

    def _broken(self, failure: Failure, request: Request) -> None:
        self.log.failure("a request could not be answered", failure)
        if request.channel is not None:
            request.channel.forceAbortClient()

    def _visit_of(self, request: Request) -> Visit:
        body = request.content.read()  # type: ignore[union-attr]
        path, _, query = request.uri.partition(b"?")
        content_type = request.getHeader("content-type") or ""
        is_form = content_type.partition(";")[0].strip() == "application/x-www-form-urlencoded"
        return Visit(
            request.method.decode("ascii", "replace").upper(),
            unquote_to_bytes(path).decode("utf-8", "replace"),
            _fields(query),
            _fields(body) if is_form else {},
            body,
            lambda name: request.getHeader(name) or "",
            self._address_of(request),
            {
                name.decode("ascii", "replace"): value.decode("ascii", "replace")
                for name, value in request.received_cookies.items()
            },
        )

    def _address_of(self, request: Request) -> str:
        """Who asks; what a proxy of ours wrote last is what it saw itself."""
        forwarded = request.getHeader("x-forwarded-for") if self._is_behind_proxy else None
        if forwarded:
            return forwarded.rpartition(",")[2].strip()
        return str(getattr(request.getClientAddress(), "host", "local"))


def _fields(encoded: bytes) -> dict[str, str]:
    text = encoded.decode("ascii", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        return {}
