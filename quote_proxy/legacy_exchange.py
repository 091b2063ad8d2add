"""One request and one answer on one connection to the legacy quote server.

For the legacy client only. It moves bytes and says how the connection ended; whether the bytes are
a quote is for `legacy_line` to judge.
"""

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from quote_proxy.legacy_line import ANSWER_BYTES_MAX
from quote_proxy.source import Refusal


class NoAnswer(Exception):
    """The server did not answer; `reason` says how."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


class LegacyExchange(Protocol):
    """Sends the request, collects the answer.

    :ivar answer: fires with all bytes received once the server has closed cleanly, or fails with
        `NoAnswer`. Cancelling it aborts the connection.
    """

    transport: ITCPTransport

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._received = bytearray()
        self.answer: Deferred[bytes] = Deferred(lambda _: self.transport.abortConnection())

    def connectionMade(self) -> None:
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > ANSWER_BYTES_MAX:
            self._fail(Refusal.TOO_LONG)
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reason.check(ConnectionDone) is None:
            self._fail(Refusal.RESET)
        elif not self.answer.called:
            self.answer.callback(bytes(self._received))

    def _fail(self, reason: Refusal) -> None:
        if not self.answer.called:
            self.answer.errback(NoAnswer(reason))


class ExchangeFactory(Factory):
    """Gives the one exchange to the one connection it was made for."""

    noisy = False

    def __init__(self, exchange: LegacyExchange) -> None:
        self._exchange = exchange

    def buildProtocol(self, addr: IAddress | None) -> LegacyExchange:
        return self._exchange
