"""A node put together from its parts, and taken down in order.

Used by `twistd_plugins.trade_server`. Everything that touches the world comes in as an argument.
"""

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from audit.shipper import Shipper
from ledger.account import TriggerName
from ledger.store import Store, StoreUnavailable
from quote_proxy.ahead import AheadPolicy
from quote_proxy.cache import QuoteCache
from quote_proxy.source import PriceFeed, QuoteSource
from reactor_server.account_news import AccountNews
from reactor_server.desk import TradingDesk
from reactor_server.dumping import Dumping
from reactor_server.lane import REOPEN_S, Lane
from reactor_server.node import TradingNode
from reactor_server.price_news import PriceNews
from service.credentials import Credential
from service.time import SteadyClock

STORE_S_MAX = 20.0
"""How long a node that starts waits for a store that is away."""

_POLL_S = 0.05
_ANNOUNCE_EVERY_S = 0.1


class NodeAssembly:
    """One node.

    :param feed: pushes new prices of stocks that clients watch, to be given to `quotes.offer`.
    :param make_shipper: gives a shipper for a stream's name.
    :param on_fenced: called when another process has taken one of the node's streams.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        store: Store,
        source: QuoteSource,
        feed: PriceFeed,
        audit: IStreamClientEndpoint,
        credential: Credential,
        make_shipper: Callable[[str], Shipper],
        on_fenced: Callable[[], None],
        lanes: int = 1,
        *,
        price_margin_s: float = 0.0,
        ahead: AheadPolicy | None = None,
    ) -> None:
        self._clock = clock
        self._store = store
        self._on_fenced = on_fenced
        self._changed: set[TriggerName] = set()
        self._announcing: Deferred[None] | None = None
        self.steady = SteadyClock(clock)
        self.quotes = QuoteCache(
            source,
            clock,
            wall_ms=self.steady.now_ms,
            margin_s=price_margin_s,
            ahead=ahead,
        )
        self.account_news = AccountNews(clock, name, store)
        self.price_news = PriceNews(self.quotes, feed)
        self.dumping = Dumping(clock, store, audit, credential)
        self.desk = TradingDesk(
            clock,
            self.steady,
            store,
            self.quotes,
            self.account_news,
            self.dumping.start,
            self._triggers_changed,
        )
        self.account_news.on_changed_elsewhere = self.desk.forget_idle
        self.service = TradingNode(self.desk, self.dumping, self.account_news, self.price_news)
        streams = [f"{name}/{number}" for number in range(lanes)]
        self.shippers = [make_shipper(stream) for stream in streams]
        for stream, shipper in zip(streams, self.shippers, strict=True):
            self.desk.lanes.append(self._lane(stream, shipper))
        self._name = name
        self._make_shipper = make_shipper

    def _lane(self, stream: str, shipper: Shipper) -> Lane:
        return Lane(
            self._clock,
            self._store,
            stream,
            shipper,
            self.desk.committed,
            self.desk.undone,
            self._fenced,
            self.desk.run,
        )

    async def _take_up_old_streams(self) -> None:
        """Ship what lanes have left that this node had once and has no more."""
        streams = {lane.name for lane in self.desk.lanes}
        for stream, position in (await self._store.positions()).items():
            if stream.startswith(f"{self._name}/") and stream not in streams:
                shipper = self._make_shipper(stream)
                shipper.advance_to(position.last_number)
                self.shippers.append(shipper)

    def _fenced(self) -> None:
        self.service.is_well = False
        self._on_fenced()

    async def start(self) -> None:
        """Set the clock by the store's and take the streams.

        A store that is away is waited for: whoever killed it may have killed us too. Raises
        `StoreUnavailable` when it stays away.
        """
        give_up_s = self._clock.seconds() + STORE_S_MAX
        while True:
            try:
                await self._take_streams()
                break
            except StoreUnavailable as trouble:
                if self._clock.seconds() >= give_up_s:
                    raise
                self.log.warn("the node waits for its ledger: {why}", why=str(trouble))
            await deferLater(self._clock, REOPEN_S)
        for shipper in self.shippers:
            shipper.start()
        self.desk.lapses.start()
        self.account_news.start()

    async def _take_streams(self) -> None:
        asked_s = self._clock.seconds()
        now_ms = await self._store.now_ms()
        self.steady.set(now_ms + int((self._clock.seconds() - asked_s) * 500))
        for lane in self.desk.lanes:
            stream = await lane.open()
            self.steady.not_before(stream.last_ms)
        await self._take_up_old_streams()

    async def drain(self) -> None:
        """Wait until every command that was taken is answered."""
        while not (self.desk.is_idle and self.dumping.is_idle):
            await deferLater(self._clock, _POLL_S)

    async def flush(self) -> None:
        """Wait until the audit daemon has everything."""
        for shipper in self.shippers:
            await shipper.drain()

    async def close(self) -> None:
        """Stop everything; what is not done is in the journal, or was never acknowledged."""
        self.account_news.close()
        self.desk.close()
        self.dumping.close()
        for lane in self.desk.lanes:
            lane.close()
        for shipper in self.shippers:
            await shipper.stop()

    # What trigger services should know.

    def _triggers_changed(self, names: set[TriggerName]) -> None:
        """Tell the trigger services, ten times a second at most."""
        self._changed |= names
        if self._announcing is None:
            self._announcing = Deferred.fromCoroutine(self._announce())
            self._announcing.addErrback(self._announcement_failed)

    async def _announce(self) -> None:
        while self._changed:
            await deferLater(self._clock, _ANNOUNCE_EVERY_S)
            names: Sequence[TriggerName] = list(self._changed)
            self._changed.clear()
            await self._store.announce_armed(names)
        self._announcing = None

    def _announcement_failed(self, failure: Failure) -> None:
        # They look through all armed triggers from time to time, so nothing is lost for good.
        self._announcing = None
        self.log.warn("triggers not announced: {why}", why=failure.getErrorMessage())
