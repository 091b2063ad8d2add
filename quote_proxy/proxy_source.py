"""Prices from the quote proxies: a `QuoteSource` for nodes and trigger services.

Each symbol belongs to one of the proxies that are up, by rendezvous; when that one is lost its
symbols move, and with no proxy left the legacy server is asked directly. That costs hits, never
correctness.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from protocol.errors import TradeError
from protocol.messages import GetPrice, Message, Price, WatchPrice
from protocol.quote import QUOTE_TTL_MS, Quote
from quote_proxy.source import HeldQuote, QuoteSource, QuoteUnavailable, Refusal
from service.balancer import Balancer
from service.client import ClientProtocol, ConnectionEnded
from service.credentials import Credential
from service.reconnecting import StayingConnected

HEARTBEAT_S = 1.0
"""A proxy that has frozen is noticed within a few of these, and its symbols move."""


class ProxySource:
    """The proxies, by name.

    :param fallback: asked where no proxy is up.
    :ivar on_news: called with each new price of a watched symbol; set before `start`.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        endpoints: Mapping[str, IStreamClientEndpoint],
        credential: Credential,
        random: Callable[[], float],
        fallback: QuoteSource,
    ) -> None:
        self.on_news: Callable[[HeldQuote], None] = lambda _held: None
        self._fallback = fallback
        self._balancer = Balancer(endpoints)
        self._up: dict[str, ClientProtocol] = {}
        self._watched: dict[str, WatchPrice] = {}
        self._ids = count(1)
        for name in endpoints:
            self._balancer.mark_down(name)
        self._services = [
            StayingConnected(
                endpoint,
                clock,
                "quotes",
                credential,
                partial(self._connected, name),
                random,
                heartbeat_s=HEARTBEAT_S,
            )
            for name, endpoint in endpoints.items()
        ]

    def start(self) -> None:
        """Begin to connect to the proxies."""
        for service in self._services:
            service.startService()

    async def stop(self) -> None:
        """Let go of the proxies."""
        for service in self._services:
            await service.stopService()

    # Asking.

    def fetch(
        self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
    ) -> Deferred[HeldQuote]:
        """See `QuoteSource`."""
        request = GetPrice(user, symbol, transaction_num, ahead)
        return Deferred.fromCoroutine(self._fetch(request))

    async def _fetch(self, request: GetPrice) -> HeldQuote:
        symbol = request.symbol
        while (proxy := self._owner(symbol)) is not None:
            try:
                return held_quote(await proxy.request(request, self._next_id()))
            except ConnectionEnded:
                continue
            except TradeError as error:
                raise QuoteUnavailable(_refusal(error.message)) from None
        answer: Quote | HeldQuote = await self._fallback.fetch(
            symbol, request.user, request.transaction_num, ahead=request.ahead
        )
        return answer if isinstance(answer, HeldQuote) else HeldQuote(answer, QUOTE_TTL_MS)

    def _owner(self, symbol: str) -> ClientProtocol | None:
        while (name := self._balancer.node_for(symbol)) is not None:
            proxy = self._up[name]
            if not proxy.is_lost:
                return proxy
            self._lost(name, proxy)
        return None

    def _next_id(self) -> bytes:
        return next(self._ids).to_bytes(16, "big")

    # Watching.

    def watch(self, symbol: str, user: str, transaction_num: int, *, passive: bool = False) -> None:
        """See `PriceFeed`; it goes on over every reconnection."""
        self._watched[symbol] = WatchPrice(user, symbol, transaction_num, True, passive)
        proxy = self._owner(symbol)
        if proxy is not None:
            self._send_watch(proxy, symbol)

    def unwatch(self, symbol: str) -> None:
        """Be told no more of a symbol."""
        proxy = self._owner(symbol)
        if symbol in self._watched and proxy is not None:
            self._send_unwatch(proxy, symbol)
        self._watched.pop(symbol, None)

    def _send_unwatch(self, proxy: ClientProtocol, symbol: str) -> None:
        request = msgspec.structs.replace(self._watched[symbol], wanted=False)
        proxy.ask(self._next_id(), request, lambda _reply: None)

    def _send_watch(self, proxy: ClientProtocol, symbol: str) -> None:
        watch_id = self._next_id()
        proxy.follow(watch_id, self._news)
        proxy.ask(watch_id, self._watched[symbol], lambda _reply: None)

    def _news(self, message: Message) -> None:
        if isinstance(message, Price) and message.symbol in self._watched:
            self.on_news(held_quote(message))

    # Proxies that come and go.

    def _connected(self, name: str, proxy: ClientProtocol) -> None:
        proxy.on_end = partial(self._lost, name, proxy)
        proxy.on_drain = partial(self._lost, name, proxy)
        self._move(lambda: self._mark_up(name, proxy))

    def _mark_up(self, name: str, proxy: ClientProtocol) -> None:
        self._up[name] = proxy
        self._balancer.mark_up(name)

    def _lost(self, name: str, proxy: ClientProtocol) -> None:
        if self._up.get(name) is proxy:
            self.log.warn("quote proxy {name} is lost", name=name)
            self._move(lambda: self._mark_down(name))

    def _mark_down(self, name: str) -> None:
        self._balancer.mark_down(name)
        del self._up[name]

    def _move(self, change: Callable[[], None]) -> None:
        """Let a proxy come or go, and watch at their new owners what moves with it.

        The old owner is told, if it is still there: it would pay for prices that nobody needs.
        """
        before = {symbol: self._balancer.node_for(symbol) for symbol in self._watched}
        change()
        for symbol, old in before.items():
            new = self._balancer.node_for(symbol)
            if new == old:
                continue
            if new is not None:
                self._send_watch(self._up[new], symbol)
            if old in self._up:
                self._send_unwatch(self._up[old], symbol)


def held_quote(message: Message) -> HeldQuote:
    assert isinstance(message, Price)
    quote = Quote(
        message.symbol,
        message.price_cents,
        message.quoted_ms,
        message.cryptokey,
        message.asker,
    )
    return HeldQuote(quote, message.usable_ms)


def _refusal(text: str) -> Refusal:
    """The reason of this text; a newer proxy may know more of them than we do."""
    try:
        return Refusal(text)
    except ValueError:
        return Refusal.INTERNAL
