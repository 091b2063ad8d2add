"""A circuit breaker before the legacy server: while it is down, most who ask are told so at once.

A `QuoteSource` around another one. Closed, it passes everything on. After some failures in a row it
opens and refuses at once; once a second one request goes through as a probe, and the first that is
answered closes it again.
"""

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from protocol.quote import Quote
from quote_proxy.billing import BilledSource
from quote_proxy.source import QuoteUnavailable, Refusal

FAILURES_MAX = 10
PROBE_EVERY_S = 1.0

_OF_THE_SERVER = frozenset(
    [Refusal.UNREACHABLE, Refusal.TIMEOUT, Refusal.RESET, Refusal.EMPTY, Refusal.DEADLINE]
)
"""Failures that tell about the server, not about one symbol."""


class Breaker:
    """:ivar is_open: requests are refused but for the probes."""

    log = Logger()

    def __init__(self, clock: IReactorTime, source: BilledSource) -> None:
        self._clock = clock
        self._source = source
        self._failures = 0
        self._probe_after_s = 0.0
        self.is_open = False

    def fetch(
        self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
    ) -> Deferred[Quote]:
        """See `QuoteSource`; fails at once with Refusal.OUTAGE while the circuit is open."""
        if self.is_open:
            if self._clock.seconds() < self._probe_after_s:
                return fail(QuoteUnavailable(Refusal.OUTAGE))
            self._probe_after_s = self._clock.seconds() + PROBE_EVERY_S
        fetching = self._source.fetch(symbol, user, transaction_num, ahead=ahead)
        return fetching.addCallbacks(self._answered, self._failed)

    def _answered(self, quote: Quote) -> Quote:
        if self.is_open:
            self.log.info("the quote server answers again")
        self.is_open = False
        self._failures = 0
        return quote

    def _failed(self, failure: Failure) -> Failure:
        reason = failure.value
        if isinstance(reason, QuoteUnavailable) and reason.reason in _OF_THE_SERVER:
            self._failures += 1
            if self._failures >= FAILURES_MAX and not self.is_open:
                self.is_open = True
                self._probe_after_s = self._clock.seconds() + PROBE_EVERY_S
                self.log.warn("the quote server is away: {reason}", reason=reason.reason.value)
        return failure
