"""The way in and out: log-in, sign-up, log-out, and passwords.

Views for `web.assembly`. A log-in always makes a new session and ends the one the browser had.
"""

from http import HTTPStatus

from twisted.logger import Logger

from protocol.errors import Code, TradeError
from web.commands import FORMS
from web.cookies import Cookies
from web.pages import Pages
from web.problems import status_of
from web.security_log import Witness
from web.sessions import Lifetimes, Sessions
from web.store import SessionKind, User
from web.trading import Trading
from web.visit import Door, Reply, Route, Visit, see_other


class EntranceViews:
    """Pages for those who are not logged in yet, or will not be for long."""

    log = Logger()

    def __init__(
        self,
        pages: Pages,
        sessions: Sessions,
        trading: Trading,
        cookies: Cookies,
        witness: Witness,
        lifetimes: Lifetimes,
    ) -> None:
        self._pages = pages
        self._sessions = sessions
        self._trading = trading
        self._cookies = cookies
        self._witness = witness
        self._lifetimes = lifetimes

    def routes(self) -> list[Route]:
        """Where these views are found."""
        return [
            Route("GET", "/log-in", Door.OPEN, self.ask_log_in),
            Route("POST", "/log-in", Door.OPEN, self.log_in),
            Route("GET", "/sign-up", Door.OPEN, self.ask_sign_up),
            Route("POST", "/sign-up", Door.OPEN, self.sign_up),
            Route("GET", "/forgotten", Door.OPEN, self.forgotten),
            Route("POST", "/log-out", Door.ANY_USER, self.log_out),
            Route("GET", "/password", Door.ANY_USER, self.ask_password),
            Route("POST", "/password", Door.ANY_USER, self.change_password),
        ]

    async def ask_log_in(self, visit: Visit) -> Reply:
        """The log-in page; those who are logged in need none."""
        if visit.access is not None:
            return see_other("/")
        return self._pages.page("log_in.html", visit, problem=None, name="")

    async def log_in(self, visit: Visit) -> Reply:
        """Judge a name and a password."""
        name, password = visit.form.get("name", ""), visit.form.get("password", "")
        try:
            user = await self._sessions.check(name, password, visit.address)
        except TradeError as refusal:
            self._witness.saw(visit, name, "log in", refusal.code.name, is_refused=True)
            status = status_of(refusal.code)
            return self._pages.page("log_in.html", visit, status, problem=refusal, name=name)
        return await self._let_in(visit, user, remembered="remember" in visit.form)

    async def _let_in(self, visit: Visit, user: User, *, remembered: bool = False) -> Reply:
        """Begin a session; whatever the browser had before is over."""
        if visit.access is not None:
            await self._sessions.end(visit.access.user.name, visit.access.session.token_hash)
        agent = visit.headers("user-agent")
        token = await self._sessions.open(user, SessionKind.BROWSER, agent, remembered=remembered)
        self._witness.saw(visit, user.name, "log in")
        lives_s = self._lifetimes.remembered_ms // 1000 if remembered else None
        return see_other("/", self._cookies.for_session(token, lives_s))

    async def ask_sign_up(self, visit: Visit) -> Reply:
        """The sign-up page."""
        if visit.access is not None:
            return see_other("/")
        return self._pages.page("sign_up.html", visit, problem=None, name="", amount="10000.00")

    async def sign_up(self, visit: Visit) -> Reply:
        """Make a user, open the account with a first deposit, and log in."""
        name, amount = visit.form.get("name", "").strip(), visit.form.get("amount", "")
        try:
            if visit.form.get("password") != visit.form.get("again"):
                raise TradeError(Code.BAD_PASSWORD, "the two passwords are not the same")
            user = await self._sessions.sign_up(name, visit.form["password"], visit.address)
        except KeyError:
            return see_other("/sign-up")
        except TradeError as refusal:
            status = status_of(refusal.code)
            return self._pages.page(
                "sign_up.html", visit, status, problem=refusal, name=name, amount=amount
            )
        self._witness.saw(visit, user.name, "sign up")
        await self._deposit(user, amount)
        return await self._let_in(visit, user)

    async def _deposit(self, user: User, amount: str) -> None:
        """The account opens with its first ADD; if that fails, the trading page asks for it."""
        if amount.strip():
            try:
                await self._trading.carry_out(user.name, FORMS["ADD"], {"amount": amount})
            except TradeError as refusal:
                self.log.info("no first deposit: {refusal}", refusal=str(refusal))

    async def forgotten(self, visit: Visit) -> Reply:
        """What to do about a forgotten password."""
        return self._pages.page("forgotten.html", visit)

    async def log_out(self, visit: Visit) -> Reply:
        """End the session, and let the browser forget what it keeps of us."""
        access = visit.known
        await self._sessions.end(access.user.name, access.session.token_hash)
        self._witness.saw(visit, access.user.name, "log out")
        reply = see_other("/log-in", self._cookies.end_session())
        reply.headers["Clear-Site-Data"] = '"cache", "storage"'
        return reply

    async def ask_password(self, visit: Visit) -> Reply:
        """The page for another password."""
        return self._pages.page("password.html", visit, problem=None)

    async def change_password(self, visit: Visit) -> Reply:
        """Change the password: all other sessions end, and this browser gets a new one."""
        user = visit.known.user
        old, new = visit.form.get("old", ""), visit.form.get("password", "")
        try:
            await self._sessions.check(user.name, old, visit.address)
            if new != visit.form.get("again"):
                raise TradeError(Code.BAD_PASSWORD, "the two passwords are not the same")
            if new == old:
                raise TradeError(Code.BAD_PASSWORD, "this is the password that you have")
            await self._sessions.change_password(user, new, by_administrator=False)
        except TradeError as refusal:
            status = status_of(refusal.code)
            if refusal.code is Code.LOGIN_FAILED:
                status = HTTPStatus.UNPROCESSABLE_ENTITY
                refusal = TradeError(refusal.code, "the present password is another one")
            return self._pages.page("password.html", visit, status, problem=refusal)
        self._witness.saw(visit, user.name, "change password")
        visit.access = None
        return await self._let_in(visit, user)
