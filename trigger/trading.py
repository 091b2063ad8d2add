"""The trigger service itself: hears of triggers, watches prices, fires, and lapses what nobody
holds.

Used by `twistd_plugins.trade_triggers` and the tests.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from audit.shipper import Shipping
from ledger.account import TriggerName
from ledger.store import ArmedTrigger, Fenced, OutcomeUnknown, Store, StoreUnavailable
from protocol.messages import Health
from protocol.quote import Quote
from quote_proxy.cache import QuoteCache
from quote_proxy.source import PriceFeed, QuoteSource
from service.time import SteadyClock
from trigger.book import TriggerBook
from trigger.firing import Firing
from trigger.watch import PriceWatch

RESYNC_S = 15.0
"""How often the ledger is looked at for what no announcement told of."""

CHECKED_MAX = 2_000
"""Known triggers that are looked up at each such look, in turn: some may have been cancelled."""

ARMED_BEFORE_MS = 60_000
"""A trigger may show in the ledger so much later than it was decided to be armed."""

LAPSE_EVERY_S = 0.25
LAPSE_GRACE_MS = 300
"""Nodes lapse the orders of the accounts they hold; what is this much overdue nobody holds."""

_LAPSE_USERS_MAX = 500


Listen = Callable[[Callable[[list[TriggerName]], None]], Awaitable[Any]]
"""Begins to listen for announcements; the result has `is_closed` once news may have been missed."""


class TriggerService:
    """One trigger service.

    :param listen: subscribes to the announcements of nodes.
    :param feed: pushes new prices, which are to be given to `quotes.offer`.
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
        feed: PriceFeed,
        on_fenced: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._store = store
        self._listen = listen
        self._on_fenced = on_fenced
        self._listening: Any = None
        self._going_on: set[Deferred[None]] = set()
        self._is_stopped = False
        self.steady = SteadyClock(clock)
        self.quotes = QuoteCache(source, clock, wall_ms=self.steady.now_ms)
        self.book = TriggerBook()
        self._knows_all = False
        self._unsure: set[TriggerName] = set()
        self._looked_ms = 0
        self.firing = Firing(store, f"{name}/0", self.steady, shipping)
        self.watch = PriceWatch(clock, self.quotes, feed, self.book.oldest)
        self.quotes.on_new = self._price_came
        self._resync = self._loop(self._look_at_ledger)
        self._lapses = self._loop(self._lapse_overdue)

    def _loop(self, work: Callable[[], Awaitable[None]]) -> LoopingCall:
        loop = LoopingCall(self._start, work)
        loop.clock = self._clock
        return loop

    async def start(self) -> None:
        """Take the stream and begin to watch; raises `StoreUnavailable`."""
        self.steady.set(await self._store.now_ms())
        await self.firing.open()
        self._resync.start(RESYNC_S)
        self._lapses.start(LAPSE_EVERY_S)

    async def stop(self) -> None:
        """Watch and write nothing any more; a write that is under way is waited for."""
        self._end_watching()
        await DeferredList(list(self._going_on))

    def _end_watching(self) -> None:
        self._is_stopped = True
        for loop in (self._resync, self._lapses):
            if loop.running:
                loop.stop()
        self.watch.stop()

    def health(self) -> Health:
        """Ready while the stream is ours."""
        is_ready = self.firing.is_open
        return Health(is_ready, "" if is_ready else "the stream is not open")

    # Knowing what is armed.

    async def _look_at_ledger(self) -> None:
        """Make up for what was missed: everything where announcements were, else what is new."""
        if self._listening is None or self._listening.is_closed:
            self._listening = await self._listen(self._announced)
            self._knows_all = False
        if not self.firing.is_open:
            await self.firing.open()
        now_ms = self.steady.now_ms()
        if self._knows_all:
            await self._read_missed()
        else:
            await self._read_all()
        self._looked_ms = now_ms

    async def _read_all(self) -> None:
        self._unsure.clear()
        self.book.replace_all(await self._store.armed())
        self._knows_all = True
        for symbol in list(self.book.symbols()):
            self._look_at(symbol)

    async def _read_missed(self) -> None:
        """What was armed since the last look, what went wrong, and in turn what may be gone."""
        self._arm(await self._store.armed_since(self._looked_ms - ARMED_BEFORE_MS))
        names = self._unsure.union(self.book.next_to_check(CHECKED_MAX))
        if names:
            await self._read(list(names))

    def _announced(self, names: list[TriggerName]) -> None:
        self._start(partial(self._read, names))

    async def _read(self, names: Sequence[TriggerName]) -> None:
        self._unsure.update(names)
        armed = await self._store.armed(names)
        self._unsure.difference_update(names)
        for name in names:
            self.book.disarm(name)
        self._arm(armed)

    def _arm(self, armed: Sequence[ArmedTrigger]) -> None:
        for trigger in armed:
            self.book.arm(trigger)
        for symbol in {trigger.symbol for trigger in armed}:
            self._look_at(symbol)

    # Firing.

    def _look_at(self, symbol: str) -> None:
        """Watch a symbol, and compare its triggers with the price that is held."""
        self.watch.want(symbol)
        quote = self.quotes.fresh(symbol)
        if quote is not None:
            self._fire_what_is_met(quote)

    def _price_came(self, quote: Quote) -> None:
        """A price was pushed, or has been asked for here."""
        if not self._is_stopped:
            self.watch.new_price(quote)
            self._fire_what_is_met(quote)

    def _fire_what_is_met(self, quote: Quote) -> None:
        names = self.book.met(quote.symbol, quote.price_cents)
        if names:
            self._start(partial(self._fire, names, quote))

    async def _fire(self, names: list[TriggerName], quote: Quote) -> None:
        # Out of the book at once, lest the next look fires them again; what stays armed comes back.
        self._unsure.update(names)
        for name in names:
            self.book.disarm(name)
        fired = await self.firing.fire(names, quote)
        left = [name for name in names if name not in fired]
        armed = await self._store.armed(left) if left else []
        self._unsure.difference_update(names)
        for trigger in armed:
            self.book.arm(trigger)

    # Lapsing.

    async def _lapse_overdue(self) -> None:
        overdue_ms = self.steady.now_ms() - LAPSE_GRACE_MS
        users = await self._store.overdue(overdue_ms, _LAPSE_USERS_MAX)
        if users:
            await self.firing.lapse(users)

    # Trouble.

    def _start(self, work: Callable[[], Awaitable[None]]) -> Deferred[None]:
        """Do some work unless we have stopped; the end waits for it."""
        going_on = Deferred.fromCoroutine(self._tried(work))
        self._going_on.add(going_on)
        going_on.addBoth(lambda _result: self._going_on.discard(going_on))
        return going_on

    async def _tried(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do some work; what fails with the store is done again by the next look at everything."""
        if self._is_stopped:
            return
        try:
            await work()
        except CancelledError:
            pass
        except Fenced:
            self._fenced()
        except StoreUnavailable as trouble:
            self.log.warn("the ledger cannot be reached: {why}", why=str(trouble))
        except OutcomeUnknown as trouble:
            self.log.warn("outcome unknown, the stream is taken anew: {why}", why=str(trouble))
        except Exception:
            self.log.failure("the trigger service is in trouble", Failure())

    def _fenced(self) -> None:
        if not self._is_stopped:
            self.log.critical("another trigger service has taken over: this one ends")
            self._end_watching()
            self._on_fenced()
