"""The legacy quote server's double: answers, takes its time and misbehaves as the real one does.

For the local stack, simulations and tests (SPEC section 3). Invariant: every answer that it sends,
right or wrong, is counted as a hit, for each is charged.
"""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from random import Random

from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory, Protocol

from protocol.quote import Quote
from quote_proxy.call_log import CallLog
from quote_proxy.delays import Delay, no_delay
from quote_proxy.faults import SLOW_S, Fault, answer_with
from quote_proxy.legacy_line import NOT_ACCEPTED_USER, REQUEST_BYTES_MAX, answer_line, parse_request
from quote_proxy.prices import Prices

_LINE_END = re.compile(rb"[\r\n]")


class LegacyQuoteDouble(Factory):
    """The server behind all connections: prices, delays, the fault in force, and the bill.

    :ivar delay: how long an answer takes; may be changed while running.
    :ivar fault: what goes wrong with requests that come in from now on.
    :ivar calls: connections, whatever became of them.
    :ivar hits: answers sent, per symbol; bad input is charged to the symbol "".
    """

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        *,
        wall_ms: Callable[[], int],
        seed: int,
        prices: Prices,
        delay: Delay = no_delay,
    ) -> None:
        self.prices = prices
        self.delay = delay
        self.fault = Fault.NONE
        self.hits: Counter[str] = Counter()
        self.calls = CallLog()
        self._clock = clock
        self._wall_ms = wall_ms
        self._seed = seed
        self._random = Random(seed)
        self._answering: set[IDelayedCall] = set()

    def buildProtocol(self, addr: IAddress | None) -> "LegacyQuoteConnection":
        return LegacyQuoteConnection(self)

    def stopFactory(self) -> None:
        """Drop the answers that are still to come."""
        for call in self._answering:
            call.cancel()
        self._answering.clear()

    def called(self, request: bytes) -> None:
        """Somebody has asked, or (empty) was not let ask."""
        asked = parse_request(request)
        self.calls.note(asked[0].upper() if asked else "", self._clock.seconds())

    def take(self, request: bytes, send: Callable[[bytes], None]) -> None:
        """Answer one request line by calling `send` once, after the delay.

        The answer is sent and charged even if the client has left by then: the real server does not
        notice before it writes.
        """
        fault = self.fault
        delay_s = self.delay(self._random) + (SLOW_S if fault is Fault.SLOW else 0.0)

        def answer() -> None:
            self._answering.discard(call)
            send(self._answer(request, fault))

        call = self._clock.callLater(delay_s, answer)
        self._answering.add(call)

    def _answer(self, request: bytes, fault: Fault) -> bytes:
        asked = parse_request(request)
        if asked is None:
            self.hits[""] += 1
            return answer_line(self._quote("", NOT_ACCEPTED_USER, 0))
        symbol, user = asked
        stock = symbol.upper()
        self.hits[stock] += 1
        price_cents = self.prices.at(stock, self._wall_ms())
        return answer_with(fault, self._quote(symbol, user, price_cents))

    def _quote(self, symbol: str, user: str, price_cents: int) -> Quote:
        now_ms = self._wall_ms()
        signed = f"{self._seed} {symbol} {user} {now_ms}".encode()
        cryptokey = b64encode(blake2b(signed, digest_size=32).digest()).decode("ascii")
        return Quote(symbol, price_cents, now_ms, cryptokey, user)


class LegacyQuoteConnection(Protocol):
    """One client: a request line that ends in LF or CR, one answer, the end."""

    transport: ITCPTransport

    def __init__(self, double: LegacyQuoteDouble) -> None:
        self._double = double
        self._received = b""
        self._asked = False

    def connectionMade(self) -> None:
        if self._double.fault is Fault.DOWN:
            self._double.called(b"")
            self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        if self._asked or self._double.fault is Fault.DOWN:
            return
        self._received += data
        line, *rest = _LINE_END.split(self._received, maxsplit=1)
        if rest or len(line) > REQUEST_BYTES_MAX:
            self._asked = True
            self._take(line)

    def _take(self, line: bytes) -> None:
        self._double.called(line)
        if self._double.fault is Fault.RESET:
            self.transport.abortConnection()
        elif self._double.fault is not Fault.HANG:
            self._double.take(line, self._send)

    def _send(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.loseConnection()
