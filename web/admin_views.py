"""What the administrator sees and does: users, nodes, and everybody's log.

Views for `web.assembly`; the administrator is the original's "root". Each action is recorded.
"""

from protocol.errors import Code, TradeError
from protocol.fields import is_user
from web.accounts import Accounts
from web.downloads import Downloads
from web.node_reports import NodeReports
from web.nodes import Nodes
from web.pages import Pages
from web.passwords import made_password
from web.prices import Prices
from web.security_log import Witness
from web.sessions import Sessions
from web.store import User, WebStore
from web.trade_views import log_reply
from web.trading import Trading
from web.visit import Door, Reply, Route, Visit, see_other

USERS_SHOWN = 50


class AdminViews:
    """Pages for the administrator."""

    def __init__(
        self,
        pages: Pages,
        store: WebStore,
        sessions: Sessions,
        trading: Trading,
        accounts: Accounts,
        prices: Prices,
        nodes: Nodes,
        reports: NodeReports,
        downloads: Downloads,
        witness: Witness,
    ) -> None:
        self._pages = pages
        self._store = store
        self._sessions = sessions
        self._trading = trading
        self._accounts = accounts
        self._prices = prices
        self._nodes = nodes
        self._reports = reports
        self._downloads = downloads
        self._witness = witness

    def routes(self) -> list[Route]:
        """Where these views are found."""
        door = Door.ADMINISTRATOR
        return [
            Route("GET", "/admin", door, self.overview),
            Route("POST", "/admin/log", door, self.download),
            Route("GET", "/admin/nodes/{name}", door, self.node),
            Route("GET", "/admin/users/{name}", door, self.user),
            Route("POST", "/admin/users/{name}/password", door, self.reset_password),
            Route("POST", "/admin/users/{name}/end", door, self.end_sessions),
        ]

    async def overview(self, visit: Visit) -> Reply:
        """Users in pages, the nodes, and the prices that this process knows."""
        after = visit.query.get("after", "")
        users = await self._store.users_after(after if is_user(after) else "", USERS_SHOWN)
        return self._pages.page(
            "admin.html",
            visit,
            users=users,
            more=users[-1].name if len(users) == USERS_SHOWN else "",
            nodes=self._nodes.lines(),
            prices=self._prices.newest(),
        )

    async def node(self, visit: Visit) -> Reply:
        """One node: how it is, and what its cache of prices holds."""
        report = await self._reports.of(visit.parts["name"], visit.known.user.name)
        return self._pages.page("admin_node.html", visit, report=report)

    async def user(self, visit: Visit) -> Reply:
        """One user's account and sessions."""
        return await self._user_page(visit, await self._named(visit))

    async def _user_page(self, visit: Visit, user: User, password: str = "") -> Reply:
        glance = await self._accounts.look(user.name)
        return self._pages.page(
            "admin_user.html",
            visit,
            user=user,
            view=self._accounts.view(glance),
            sessions=await self._sessions.of(user.name),
            password=password,
        )

    async def _named(self, visit: Visit) -> User:
        """The user that the path names; raises `TradeError` UNKNOWN_USER."""
        name = visit.parts["name"]
        user = await self._store.user(name) if is_user(name) else None
        if user is None:
            raise TradeError(Code.UNKNOWN_USER, "nobody has signed up by this name")
        return user

    async def reset_password(self, visit: Visit) -> Reply:
        """Make a password for one log-in, and show it once."""
        user = await self._named(visit)
        if user.name == visit.known.user.name:
            return see_other("/password")
        password = made_password()
        await self._sessions.change_password(user, password, by_administrator=True)
        self._tell("reset password", visit, user.name)
        return await self._user_page(visit, user, password)

    async def end_sessions(self, visit: Visit) -> Reply:
        """Log a user out everywhere."""
        user = await self._named(visit)
        await self._sessions.end_all(user.name)
        self._tell("end all sessions", visit, user.name)
        return see_other(f"/admin/users/{user.name}")

    async def download(self, visit: Visit) -> Reply:
        """Everybody's log as a file."""
        name = visit.known.user.name
        await self._sessions.allow_log(name)
        self._tell("dump log", visit, "everybody's")
        command_id, command = await self._trading.log_command("")
        return log_reply(await self._downloads.begin(command_id, command))

    def _tell(self, action: str, visit: Visit, about: str) -> None:
        self._witness.saw(visit, visit.known.user.name, action, about)
