"""What nodes push about accounts and prices, to every page that is open on them.

One watch for an account or a stock serves all its pages. A watch ends with its connection; it is
begun again at whatever node is there then, and its pages are told to look for themselves, as
something may have been missed.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from protocol.errors import TradeError
from protocol.messages import (
    AccountChanged,
    HistoryLine,
    Message,
    Price,
    WatchAccount,
    WatchPrice,
)
from service.client import ClientProtocol, ConnectionEnded
from web.commands import SUMMARY
from web.nodes import Nodes
from web.prices import Prices

LOOK_EVERY_S = 0.5
"""How long a watch may be without a node before it looks for another one."""


class Page:
    """One open page, as the watches see it.

    :ivar user: whose account it shows.
    :ivar symbols: the stocks whose prices it shows.
    :ivar lines: what was journalled since the page last looked; taken out by the page.
    :ivar has_news: the account is another one than the page shows.
    :ivar has_prices: a price is another one.
    :ivar wake: called when there is something to look at.
    """

    def __init__(self, user: str, wake: Callable[[], None]) -> None:
        self.user = user
        self.symbols: frozenset[str] = frozenset()
        self.lines: list[HistoryLine] = []
        self.has_news = False
        self.has_prices = False
        self.wake = wake


class _Watch:
    """One account or stock that at least one page shows; `user` is who asks."""

    def __init__(self, subject: str, user: str, *, is_account: bool) -> None:
        self.subject = subject
        self.user = user
        self.is_account = is_account
        self.pages: list[Page] = []
        self.node: ClientProtocol | None = None
        self.watch_id = b""


class Watches:
    """All watches of one web client.

    :param new_id: gives request ids.
    """

    log = Logger()

    def __init__(
        self, clock: IReactorTime, nodes: Nodes, prices: Prices, new_id: Callable[[], bytes]
    ) -> None:
        self._nodes = nodes
        self._prices = prices
        self._new_id = new_id
        self._accounts: dict[str, _Watch] = {}
        self._symbols: dict[str, _Watch] = {}
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self) -> None:
        """Begin to look after the watches."""
        self._looking.start(LOOK_EVERY_S, now=False)

    def stop(self) -> None:
        """Let them be."""
        if self._looking.running:
            self._looking.stop()

    @property
    def pages(self) -> int:
        """How many pages are open."""
        return sum(len(watch.pages) for watch in self._accounts.values())

    # Pages come and go.

    def pages_of(self, user: str) -> int:
        """How many pages of one user are open."""
        watch = self._accounts.get(user)
        return 0 if watch is None else len(watch.pages)

    def open(self, page: Page) -> None:
        """Tell a page what becomes of its account from now on."""
        self._join(self._accounts, page.user, page)

    def show(self, page: Page, symbols: set[str]) -> None:
        """Tell a page of the prices of these stocks, and of no others."""
        wanted = frozenset(symbols)
        for symbol in page.symbols - wanted:
            self._leave(self._symbols, symbol, page)
        for symbol in wanted - page.symbols:
            self._join(self._symbols, symbol, page)
        page.symbols = wanted

    def close(self, page: Page) -> None:
        """Tell a page nothing any more."""
        self.show(page, set())
        self._leave(self._accounts, page.user, page)

    def _join(self, watches: dict[str, _Watch], subject: str, page: Page) -> None:
        watch = watches.get(subject)
        if watch is None:
            watch = watches[subject] = _Watch(
                subject, page.user, is_account=watches is self._accounts
            )
        watch.pages.append(page)
        if watch.node is None:
            self._begin(watch)

    def _leave(self, watches: dict[str, _Watch], subject: str, page: Page) -> None:
        watch = watches[subject]
        watch.pages.remove(page)
        if not watch.pages:
            del watches[subject]
            self._end(watch)

    # Watches at nodes.

    def _look(self) -> None:
        """Begin again what a lost node has ended."""
        for watch in [*self._accounts.values(), *self._symbols.values()]:
            if watch.node is None or watch.node.is_lost:
                self._begin(watch)

    def _begin(self, watch: _Watch) -> None:
        watch.node = self._nodes.node_of(watch.subject)
        if watch.node is None:
            return
        watch.watch_id = self._new_id()
        watch.node.follow(watch.watch_id, lambda news: self._told(watch, news))
        begun = watch.node.request(self._request(watch, wanted=True), watch.watch_id)
        begun.addCallback(self._begun, watch)
        begun.addErrback(self._not_begun, watch)

    def _request(self, watch: _Watch, *, wanted: bool) -> Message:
        if watch.is_account:
            return WatchAccount(watch.subject, wanted)
        return WatchPrice(watch.user, watch.subject, 1, wanted, True)

    def _begun(self, _answer: Message, watch: _Watch) -> None:
        if watch.is_account:
            for page in watch.pages:
                page.has_news = True
                page.wake()

    def _not_begun(self, failure: Failure, watch: _Watch) -> None:
        failure.trap(TradeError, ConnectionEnded)
        self.log.info("{subject}: no watch: {why}", subject=watch.subject, why=str(failure.value))
        watch.node = None

    def _end(self, watch: _Watch) -> None:
        if watch.node is None or watch.node.is_lost:
            return
        watch.node.unfollow(watch.watch_id)
        ended: Deferred[Message] = watch.node.request(
            self._request(watch, wanted=False), self._new_id()
        )
        ended.addErrback(lambda failure: failure.trap(TradeError, ConnectionEnded) and None)

    # News.

    def _told(self, watch: _Watch, news: Message) -> None:
        if isinstance(news, AccountChanged):
            self._account_changed(watch, news)
        elif isinstance(news, Price):
            self._price_seen(watch, news)

    def _account_changed(self, watch: _Watch, news: AccountChanged) -> None:
        if news.line is not None and news.line.name == SUMMARY:
            return  # Somebody has looked, perhaps we; nothing is to be seen of that.
        for page in watch.pages:
            page.has_news = True
            if news.line is not None:
                page.lines.append(news.line)
            page.wake()

    def _price_seen(self, watch: _Watch, news: Price) -> None:
        if self._prices.saw(news.symbol, news.quoted_ms, news.price_cents):
            for page in watch.pages:
                page.has_prices = True
                page.wake()
