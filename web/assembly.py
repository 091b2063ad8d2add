"""The web client put together from its parts.

Used by `twistd_plugins.trade_web` and the tests. Everything that touches the world comes in as an
argument.
"""

from collections.abc import Callable, Mapping

from argon2 import PasswordHasher
from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from service.credentials import Credential
from service.limits import PortLimits, Rate, TokenBuckets
from service.time import SteadyClock
from web.account_views import AccountViews
from web.accounts import Accounts
from web.admin_views import AdminViews
from web.api_access import ApiAccess
from web.api_views import ApiViews
from web.cookies import Cookies
from web.downloads import Downloads
from web.entrance_views import EntranceViews
from web.gate import Gate
from web.live import LiveViews
from web.node_reports import NodeReports
from web.nodes import Nodes
from web.pages import Pages
from web.passwords import Hashing, InThread
from web.prices import Prices
from web.security_log import SecurityLog, Witness
from web.sessions import TOKEN_BYTES, Lifetimes, Sessions
from web.static_files import StaticFiles
from web.store import WebStore
from web.trade_views import TradeViews
from web.trading import Trading
from web.visit import Door, Route
from web.watches import Watches

FORGET_EVERY_S = 600.0
KEY_BYTES = 16


class WebSettings(Struct, frozen=True):
    """How the site is to be.

    :ivar is_secure: it is reached over TLS, here or at a proxy in front.
    :ivar pace: how fast each user may ask; the same as at a node's own port.
    :ivar origin: as browsers name it, `https://trade.example.com`; empty: the one of Host.
    """

    is_secure: bool = False
    origin: str = ""
    lifetimes: Lifetimes = Lifetimes()
    pace: Rate = PortLimits().user_requests


class Surroundings(Struct, frozen=True):
    """The world of one web client.

    :ivar in_thread: see `web.passwords.Hashing`.
    :ivar random: gives the jitter of pauses, from 0 to 1.
    """

    clock: IReactorTime
    store: WebStore
    in_thread: InThread
    hasher: PasswordHasher
    random_bytes: Callable[[int], bytes]
    random: Callable[[], float]
    security: SecurityLog


class WebAssembly:
    """One web client.

    :param credential: may act for any user at the nodes.
    :param administrator: may have everybody's log; None: nobody gets it here.
    """

    log = Logger()

    def __init__(
        self,
        around: Surroundings,
        endpoints: Mapping[str, IStreamClientEndpoint],
        credential: Credential,
        administrator: Credential | None,
        settings: WebSettings,
    ) -> None:
        self._clock = around.clock
        self._store = around.store
        self.steady = SteadyClock(around.clock)
        now_ms, lifetimes = self.steady.now_ms, settings.lifetimes
        witness = Witness(around.security)
        self.nodes = Nodes(around.clock, endpoints, credential, around.random)
        self.hashing = Hashing(around.in_thread, around.hasher)
        sessions = Sessions(around.store, self.hashing, now_ms, around.random_bytes, lifetimes)
        prices = Prices()
        paces = TokenBuckets(around.clock, settings.pace)
        trading = Trading(self.nodes, around.store, prices, now_ms, around.random_bytes, paces)
        downloads = Downloads(around.clock, self.nodes, credential, administrator)
        static = StaticFiles.shipped()
        pages = Pages(static, now_ms, lambda: around.random_bytes(KEY_BYTES).hex())
        cookies = Cookies(settings.is_secure)
        secret = around.random_bytes(TOKEN_BYTES)
        api_access = ApiAccess(sessions, around.store, secret, is_secure=settings.is_secure)
        entrance = EntranceViews(pages, sessions, trading, cookies, witness, lifetimes)
        accounts = Accounts(trading, prices)
        self.watches = Watches(around.clock, self.nodes, prices, trading.new_id)
        trade = TradeViews(pages, trading, prices, accounts, downloads, sessions)
        live = LiveViews(around.clock, pages, prices, self.watches, sessions, accounts)
        account = AccountViews(pages, sessions, witness)
        api = ApiViews(pages, sessions, trading, downloads, witness, lifetimes)
        admin = AdminViews(
            pages,
            around.store,
            sessions,
            trading,
            accounts,
            prices,
            self.nodes,
            NodeReports(around.clock, self.nodes, administrator),
            downloads,
            witness,
        )
        routes = [
            Route("GET", "/static/{name}", Door.OPEN, static.serve),
            *(
                route
                for views in (entrance, trade, live, account, api, admin)
                for route in views.routes()
            ),
        ]
        self.gate = Gate(routes, sessions, api_access, cookies, pages, settings.origin)
        self._forgetting = LoopingCall(self._forget)
        self._forgetting.clock = around.clock

    async def start(self) -> None:
        """Set the clock by the store's, and begin to connect; raises `StoreUnavailable`."""
        asked_s = self._clock.seconds()
        now_ms = await self._store.now_ms()
        self.steady.set(now_ms + int((self._clock.seconds() - asked_s) * 500))
        await self.nodes.start()
        self.watches.start()
        self._forgetting.start(FORGET_EVERY_S)

    async def stop(self) -> None:
        """Let go of the nodes."""
        if self._forgetting.running:
            self._forgetting.stop()
        self.watches.stop()
        await self.nodes.stop()

    def _forget(self) -> Deferred[None]:
        forgetting = Deferred.fromCoroutine(self._store.forget(self.steady.now_ms()))
        return forgetting.addErrback(self._not_forgotten)

    def _not_forgotten(self, failure: Failure) -> None:
        self.log.warn("old sessions were not removed: {why}", why=failure.getErrorMessage())
