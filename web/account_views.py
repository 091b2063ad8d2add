"""The page about one's own log-in: the devices that are logged in, each to be logged out.

Views for `web.assembly`.
"""

from web.pages import Pages
from web.security_log import Witness
from web.sessions import Sessions
from web.visit import Door, Reply, Route, Visit, see_other


class AccountViews:
    """Pages for whoever is logged in, about that."""

    def __init__(self, pages: Pages, sessions: Sessions, witness: Witness) -> None:
        self._pages = pages
        self._sessions = sessions
        self._witness = witness

    def routes(self) -> list[Route]:
        """Where these views are found."""
        return [
            Route("GET", "/account", Door.USER, self.account),
            Route("POST", "/account/end", Door.USER, self.end),
            Route("POST", "/account/end-all", Door.USER, self.end_all),
        ]

    async def account(self, visit: Visit) -> Reply:
        """All sessions of the user."""
        access = visit.known
        sessions = await self._sessions.of(access.user.name)
        return self._pages.page("account.html", visit, sessions=sessions)

    async def end(self, visit: Visit) -> Reply:
        """Log one device out."""
        user = visit.known.user.name
        for session in await self._sessions.of(user):
            if session.token_hash.hex() == visit.form.get("session"):
                await self._sessions.end(user, session.token_hash)
                self._witness.saw(visit, user, "end session", session.agent)
        return see_other("/account")

    async def end_all(self, visit: Visit) -> Reply:
        """Log everything out, this browser too."""
        user = visit.known.user.name
        await self._sessions.end_all(user)
        self._witness.saw(visit, user, "end all sessions")
        return see_other("/log-in")
