"""Asking the legacy server's double for its own count, through its control port.

Used by the commands that run a workload, and by tests that set prices.
"""

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from daytrade.errors import StackError


class _Question(LineOnlyReceiver):
    """Sends one line and waits for one line."""

    delimiter = b"\n"

    def __init__(self, line: str) -> None:
        self._line = line
        self.answer: Deferred[str] = Deferred()

    def connectionMade(self) -> None:
        self.sendLine(self._line.encode())

    def lineReceived(self, line: bytes) -> None:
        self.answer.callback(line.decode().strip())
        assert self.transport is not None
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.answer.called:
            self.answer.errback(StackError("the quote server's double does not answer"))


async def tell_double(endpoint: IStreamClientEndpoint, line: str) -> str:
    """Send one command, as `quote_proxy.control` lists them, and return what follows `ok`.

    Raises `StackError` with what follows `error`.
    """
    question = _Question(line)
    await endpoint.connect(Factory.forProtocol(lambda: question))
    verdict, _, rest = (await question.answer).partition(" ")
    if verdict != "ok":
        raise StackError(f"the quote server's double refused {line!r}: {rest}")
    return rest


async def charged_hits(endpoint: IStreamClientEndpoint) -> int:
    """How many answers the double has charged for since its start."""
    return int((await tell_double(endpoint, "hits")).split(" ", 1)[0])
