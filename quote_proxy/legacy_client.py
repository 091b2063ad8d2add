"""The client of the legacy quote server: slow, unreliable, and every answer is charged.

For the quote cache and the proxy daemon. Invariant: what `fetch` fires with has passed every check
of SPEC section 3; all else ends in `QuoteUnavailable` before the deadline.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import NoReturn

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger

from protocol.quote import Quote
from quote_proxy.backoff import SymbolBackoff
from quote_proxy.legacy_exchange import ExchangeFactory, LegacyExchange, NoAnswer
from quote_proxy.legacy_line import BadAnswer, parse_answer, request_line
from quote_proxy.slots import Slots
from quote_proxy.source import QuoteUnavailable, Refusal


class LegacyCounters:
    """What the legacy server was asked and what came of it, since the start.

    :ivar requests: attempts begun, each on a connection of its own.
    :ivar answered: good answers, each of which is charged (SPEC section 1, "Quotes").
    :ivar refused: attempts that gave no price, by reason.
    :ivar given_up: calls of `fetch` that failed, by reason.
    :ivar skew_ms: how far the server's clock is ahead of ours (or, below 0, behind), by its newest
        answer: at least so much, as the answer was given at some moment of the attempt.
    """

    __slots__ = ("answered", "given_up", "refused", "requests", "skew_ms")

    def __init__(self) -> None:
        self.requests = 0
        self.answered = 0
        self.skew_ms = 0
        self.refused: Counter[Refusal] = Counter()
        self.given_up: Counter[Refusal] = Counter()


class LegacyQuoteClient:
    """A `QuoteSource` that asks the legacy server itself, one connection per request.

    The attempt timeout is longer than the server's usual worst delay of 4 s: an attempt given up
    early is charged all the same once the server gets round to it.

    :param wall_ms: Unix ms now; compared with the time in an answer.
    :param concurrency: attempts at one time; requests beyond it wait, those of each user in line,
        and the users take turns.
    :param queue_max: requests in line or resting before another try; more are refused at once.
    :param clock_tolerance_s: how far an answer's own time may lie outside the attempt.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        *,
        wall_ms: Callable[[], int],
        random: Random,
        attempt_timeout_s: float = 5.0,
        deadline_s: float = 15.0,
        concurrency: int = 256,
        queue_max: int = 20_000,
        clock_tolerance_s: float = 10.0,
    ) -> None:
        self.counters = LegacyCounters()
        self._clock = clock
        self._endpoint = endpoint
        self._wall_ms = wall_ms
        self._attempt_timeout_s = attempt_timeout_s
        self._deadline_s = deadline_s
        self._clock_tolerance_ms = round(clock_tolerance_s * 1000)
        self._outstanding = 0
        self._outstanding_max = concurrency + queue_max
        self._slots = Slots(clock, concurrency)
        self._backoff = SymbolBackoff(clock, random)

    def fetch(self, symbol: str, user: str, transaction_num: int = 1) -> Deferred[Quote]:
        """Ask the legacy server for the price of `symbol`, upper-case, in the name of `user`.

        Fires with the `Quote`, or fails with `QuoteUnavailable` within `deadline_s`; with
        ValueError for a symbol or user that cannot be sent. Cancelling it leaves the line or aborts
        the connection.
        """
        if self._outstanding >= self._outstanding_max:
            return fail(self._give_up(Refusal.QUEUE_FULL))
        fetched = Deferred.fromCoroutine(self._fetch(symbol, user))
        return fetched.addTimeout(self._deadline_s, self._clock, self._deadline_passed)

    async def _fetch(self, symbol: str, user: str) -> Quote:
        request = request_line(symbol, user)
        # An attempt begins only if it can end before the deadline: one cut short is charged too.
        latest_start_s = self._clock.seconds() + self._deadline_s - self._attempt_timeout_s
        reason = Refusal.DEADLINE
        self._outstanding += 1
        try:
            while (
                rest_s := self._backoff.wait_s(symbol)
            ) <= latest_start_s - self._clock.seconds():
                if rest_s > 0:
                    await deferLater(self._clock, rest_s)
                    continue
                await self._slots.acquire(user)
                try:
                    if self._clock.seconds() <= latest_start_s:
                        return await self._attempt(request, symbol, user)
                except (NoAnswer, BadAnswer) as refused:
                    reason = refused.reason
                    self._note_refused(symbol, reason)
                finally:
                    self._slots.release()
                if reason is Refusal.NOT_ACCEPTED:
                    # The same input would be refused, and charged, again.
                    break
            raise self._give_up(reason)
        finally:
            self._outstanding -= 1

    async def _attempt(self, request: bytes, symbol: str, user: str) -> Quote:
        self.counters.requests += 1
        asked_ms = self._wall_ms()
        exchanged = Deferred.fromCoroutine(self._exchange(request))
        exchanged.addTimeout(self._attempt_timeout_s, self._clock, self._attempt_timed_out)
        quote = parse_answer(await exchanged, symbol, user)
        self.counters.skew_ms = skew_ms = _skew_ms(asked_ms, quote.quoted_ms, self._wall_ms())
        if abs(skew_ms) > self._clock_tolerance_ms:
            raise BadAnswer(Refusal.CLOCK)
        self.counters.answered += 1
        self._backoff.answered(symbol)
        return quote

    async def _exchange(self, request: bytes) -> bytes:
        exchange = LegacyExchange(request)
        try:
            await self._endpoint.connect(ExchangeFactory(exchange))
        except ConnectingCancelledError:
            raise CancelledError from None
        except (ConnectError, OSError) as error:
            raise NoAnswer(Refusal.UNREACHABLE) from error
        return await exchange.answer

    def _note_refused(self, symbol: str, reason: Refusal) -> None:
        self.counters.refused[reason] += 1
        self._backoff.failed(symbol)
        self._log.warn(
            "no price for {symbol} from the legacy server: {reason}",
            symbol=symbol,
            reason=reason.value,
        )

    def _attempt_timed_out(self, _result: object, _timeout_s: float) -> NoReturn:
        raise NoAnswer(Refusal.TIMEOUT)

    def _deadline_passed(self, _result: object, _timeout_s: float) -> NoReturn:
        raise self._give_up(Refusal.DEADLINE)

    def _give_up(self, reason: Refusal) -> QuoteUnavailable:
        self.counters.given_up[reason] += 1
        return QuoteUnavailable(reason)


def _skew_ms(asked_ms: int, quoted_ms: int, answered_ms: int) -> int:
    """How far a time in an answer lies outside the attempt: after its end, or (below 0) before."""
    return max(0, quoted_ms - answered_ms) + min(0, quoted_ms - asked_ms)
