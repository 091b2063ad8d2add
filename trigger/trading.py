"""The trigger service itself: hears of triggers, watches prices, fires, and lapses what nobody
holds.

Used by `twistd_plugins.trade_triggers` and the tests.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ledger.store import Fenced, OutcomeUnknown, Store, StoreUnavailable, TriggerName
from protocol.messages import Health
from protocol.quote import Quote
from quote_proxy.cache import QuoteCache
from quote_proxy.source import QuoteSource
from service.time import SteadyClock
from trigger.book import TriggerBook
from trigger.firing import Firing
from trigger.watch import PriceWatch

RESYNC_S = 15.0
"""How often all armed triggers are read anew, in case an announcement was lost."""

LAPSE_EVERY_S = 0.25
LAPSE_GRACE_MS = 300
"""Nodes lapse the orders of the accounts they hold; what is this much overdue nobody holds."""

_LAPSE_USERS_MAX = 500
_RETRY_S = 0.5


class Shipping(Protocol):
    """Where committed entries go on to: the audit daemon."""

    def ship(self, first_number: int, entries: list[bytes]) -> None:
        """Take the entries of the stream from this number on."""

    def advance_to(self, last_number: int) -> None:
        """Learn that the journal holds entries up to here, which were not handed over."""


Listen = Callable[[Callable[[list[TriggerName]], None]], Awaitable[Any]]
"""Begins to listen for announcements; the result has `is_closed` once news may have been missed."""


class TriggerService:
    """One trigger service.

    :param listen: subscribes to the announcements of nodes.
    :param on_fenced: called when another service has taken the stream: this process must end.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        store: Store,
        source: QuoteSource,
        shipping: Shipping,
        listen: Listen,
        on_fenced: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._name = name
        self._store = store
        self._shipping = shipping
        self._listen = listen
        self._on_fenced = on_fenced
        self._listening: Any = None
        self._going_on: set[Deferred[Any]] = set()
        self.steady = SteadyClock(clock)
        self.quotes = QuoteCache(source, clock, wall_ms=self.steady.now_ms)
        self.book = TriggerBook()
        self.firing = Firing(store, self.steady, shipping.ship)
        self.watch = PriceWatch(
            clock, self.quotes, self.steady.now_ms, self._asker_of, self._price_came
        )
        self._resync = self._loop(self._read_all)
        self._lapses = self._loop(self._lapse_overdue)

    def _loop(self, work: Callable[[], Awaitable[None]]) -> LoopingCall:
        loop = LoopingCall(lambda: Deferred.fromCoroutine(self._tried(work)))
        loop.clock = self._clock
        return loop

    async def start(self) -> None:
        """Take the stream and begin to watch; raises `StoreUnavailable`."""
        self.steady.set(await self._store.now_ms())
        await self._open()
        self._resync.start(RESYNC_S)
        self._lapses.start(LAPSE_EVERY_S)

    async def _open(self) -> None:
        stream = await self._store.open_stream(f"{self._name}/0")
        self.firing.stream = stream
        self.steady.not_before(stream.last_ms)
        self._shipping.advance_to(stream.last_number)

    async def stop(self) -> None:
        """Watch and write nothing any more."""
        for loop in (self._resync, self._lapses):
            if loop.running:
                loop.stop()
        self.watch.stop()
        for going_on in list(self._going_on):
            going_on.cancel()

    def health(self) -> Health:
        """Ready once the stream is ours."""
        is_ready = self.firing.stream is not None
        return Health(is_ready, "" if is_ready else "the stream is not open")

    # Knowing what is armed.

    async def _read_all(self) -> None:
        if self._listening is None or self._listening.is_closed:
            self._listening = await self._listen(self._announced)
        self.book.replace_all(await self._store.armed())
        for symbol in list(self.book.symbols()):
            self._look_at(symbol)

    def _announced(self, names: list[TriggerName]) -> None:
        self._start(self._read(names))

    async def _read(self, names: Sequence[TriggerName]) -> None:
        armed = await self._store.armed(names)
        for name in names:
            self.book.disarm(name)
        for trigger in armed:
            self.book.arm(trigger)
        for symbol in {trigger.symbol for trigger in armed}:
            self._look_at(symbol)

    # Firing.

    def _asker_of(self, symbol: str) -> str | None:
        oldest = self.book.oldest(symbol)
        return None if oldest is None else oldest.user

    def _look_at(self, symbol: str) -> None:
        """Compare the triggers of a symbol with its price, or have it asked for."""
        quote = self.quotes.fresh(symbol)
        if quote is None:
            self.watch.want(symbol)
        else:
            self._fire_what_is_met(quote)

    def _price_came(self, quote: Quote) -> None:
        oldest = self.book.oldest(quote.symbol)
        if oldest is not None:
            self._start(self.firing.record_hit(quote, oldest.transaction_num))
        self._fire_what_is_met(quote)

    def _fire_what_is_met(self, quote: Quote) -> None:
        names = self.book.met(quote.symbol, quote.price_cents)
        if names:
            self._start(self._fire(names, quote))

    async def _fire(self, names: list[TriggerName], quote: Quote) -> None:
        # Out of the book at once, lest the next look fires them again; what stays armed comes back.
        for name in names:
            self.book.disarm(name)
        try:
            await self.firing.fire(names, quote)
        finally:
            armed = await self._store.armed(names)
            for trigger in armed:
                self.book.arm(trigger)

    # Lapsing.

    async def _lapse_overdue(self) -> None:
        overdue_ms = self.steady.now_ms() - LAPSE_GRACE_MS
        users = await self._store.overdue(overdue_ms, _LAPSE_USERS_MAX)
        if users:
            await self.firing.lapse(users)

    # Trouble.

    def _start(self, work: Awaitable[None]) -> None:
        async def once() -> None:
            await work

        going_on = Deferred.fromCoroutine(self._tried(once))
        self._going_on.add(going_on)
        going_on.addBoth(lambda _result: self._going_on.discard(going_on))

    async def _tried(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do some work; what fails with the store is done again by the next look at everything."""
        try:
            await work()
        except CancelledError:
            pass
        except Fenced:
            self.log.critical("another trigger service has taken over: this one ends")
            self._on_fenced()
        except StoreUnavailable as trouble:
            self.log.warn("the ledger cannot be reached: {why}", why=str(trouble))
        except OutcomeUnknown as trouble:
            self.log.warn("outcome unknown, taking the stream again: {why}", why=str(trouble))
            await self._reopen()
        except Exception:
            self.log.failure("the trigger service is in trouble", Failure())

    async def _reopen(self) -> None:
        while True:
            try:
                await self._open()
                return
            except StoreUnavailable:
                await deferLater(self._clock, _RETRY_S)
