"""Pages that change by themselves: server-sent events with parts of the page, rendered anew.

Views for `web.assembly`. A browser connects again by itself after any loss, and is shown everything
anew then; so nothing needs to be remembered for it.
"""

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from protocol.errors import Code, TradeError
from protocol.messages import HistoryLine
from web.account_view import AccountView
from web.accounts import Accounts, Glance
from web.chart import chart_of
from web.pages import Pages
from web.prices import Prices
from web.sessions import Sessions
from web.trade_views import REGIONS
from web.visit import Door, Reply, Route, Sink, Stream, Visit
from web.watches import Page, Watches

BEAT_S = 15.0
"""After this long without news a line is sent all the same, and the session looked at again."""

PAUSE_S = 0.25
"""The least time between two changes of a page."""

PAGES_PER_USER_MAX = 20
PAGES_MAX = 1000
EVENTS = "text/event-stream; charset=utf-8"
PRICED_REGIONS = ("stats", "holdings")
"""What changes with a price alone."""


class LiveViews:
    """The stream of events behind each open trading page."""

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        pages: Pages,
        prices: Prices,
        watches: Watches,
        sessions: Sessions,
        accounts: Accounts,
    ) -> None:
        self._clock = clock
        self._pages = pages
        self._prices = prices
        self._watches = watches
        self._sessions = sessions
        self._accounts = accounts

    def routes(self) -> list[Route]:
        """Where these views are found."""
        return [Route("GET", "/events", Door.USER, self.events)]

    async def events(self, visit: Visit) -> Reply:
        """Events for one page, until it is left or the session ends."""
        user = visit.known.user.name
        is_full = self._watches.pages >= PAGES_MAX
        if is_full or self._watches.pages_of(user) >= PAGES_PER_USER_MAX:
            raise TradeError(Code.SLOW_DOWN, "too many pages are open: close some")
        return Reply(body=Stream(lambda sink: self._run(visit, sink)), content_type=EVENTS)

    async def _run(self, visit: Visit, sink: Sink) -> None:
        following = _Following(self._clock, visit.known.user.name)
        sink.when_lost(following.page.wake)
        sink.when_room_changes(lambda _has_room: following.page.wake())
        sink.write(b": the events of one page\n\n")
        self._watches.open(following.page)
        try:
            while not sink.is_lost:
                if not await self._sessions.is_going_on(visit.known.session):
                    sink.write(event("end", ""))
                    return
                await self._tell(visit, sink, following)
                await deferLater(self._clock, PAUSE_S)
                await following.woken(BEAT_S)
        finally:
            self._watches.close(following.page)

    async def _tell(self, visit: Visit, sink: Sink, following: "_Following") -> None:
        """Send what is new; what could not be found out now is tried again with the next beat."""
        if not sink.has_room:
            return
        page = following.page
        if not (page.has_news or page.has_prices):
            sink.write(b": still here\n\n")
            return
        regions = REGIONS if page.has_news else PRICED_REGIONS
        page.has_prices = False
        try:
            if page.has_news:
                page.has_news = False
                following.glance = await self._accounts.look(page.user)
        except TradeError as trouble:
            self.log.info("{user}: not told yet: {why}", user=page.user, why=str(trouble))
            page.has_news = True
            return
        if following.glance is None:
            return
        view = self._accounts.view(following.glance)
        symbol = visit.query.get("symbol", "").upper()[:3]
        self._watches.show(page, view.symbols | ({symbol} if symbol else set()))
        sink.write(event("regions", self._regions(visit, view, symbol, regions)))
        for line in page.lines:
            if happened_by_itself(line):
                sink.write(event("told", told(line)))
        page.lines.clear()

    def _regions(
        self, visit: Visit, view: AccountView, symbol: str, regions: tuple[str, ...]
    ) -> dict[str, str]:
        values = {"view": view, "symbol": symbol}
        values["chart"] = chart_of(symbol, self._prices.of(symbol)) if symbol else None
        return {
            name: self._pages.render(f"regions/{name}.html", visit, **values).decode()
            for name in (*regions, *(["chart"] if symbol else []))
        }


class _Following:
    """One stream: the page that it serves, and its sleep until there is something to tell."""

    def __init__(self, clock: IReactorTime, user: str) -> None:
        self._clock = clock
        self._sleeping: Deferred[None] | None = None
        self._is_awake = False
        self.page = Page(user, self._wake)
        self.glance: Glance | None = None

    def _wake(self) -> None:
        self._is_awake = True
        sleeping, self._sleeping = self._sleeping, None
        if sleeping is not None:
            self._clock.callLater(0, sleeping.callback, None)

    async def woken(self, limit_s: float) -> None:
        """Wait until there is something to tell, or the limit has passed."""
        if not self._is_awake:
            self._sleeping = Deferred()
            call = self._clock.callLater(limit_s, self._wake)
            await self._sleeping
            if call.active():
                call.cancel()
        self._is_awake = False


def event(name: str, data: object) -> bytes:
    """One event; JSON has no line breaks of its own, so it fits in a line."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))


def happened_by_itself(line: HistoryLine) -> bool:
    """Tell whether nobody gave a command for this: a trigger fired, or an order lapsed."""
    return line.name.endswith(")")


def told(line: HistoryLine) -> str:
    """What happened, in words."""
    name, _, how = line.name.rstrip(")").partition(" (")
    side = "buy" if "BUY" in name else "sell"
    if how == "fired":
        done = "bought" if side == "buy" else "sold"
        return f"A trigger fired: {done} {line.shares} {line.symbol}"
    return f"A {side} order of {line.shares} shares has lapsed"
