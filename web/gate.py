"""Between a request and its view: the route, who may come in, forged forms, and safe headers.

Used by `web.assembly`. Every answer leaves through here, also those about what does not exist, so
that no header can be forgotten. OWASP ASVS 5.0, chapters 3 and 7, is where the rules come from.
"""

from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from twisted.logger import Logger

from protocol.errors import Code, TradeError
from web.api_access import ApiAccess
from web.cookies import Cookies
from web.pages import Pages
from web.problems import problem_reply, status_of
from web.sessions import Sessions, csrf_of, is_csrf_of
from web.store import SessionKind
from web.visit import HTML, Door, Reply, Route, Visit, see_other

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)

SAFETY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
PRIVATE, PUBLIC = "no-store", "public, max-age=31536000, immutable"

_SAFE_METHODS = ("GET", "HEAD")
_FORGED = TradeError(Code.FORGED_REQUEST, "this did not come from our own page: load it again")


class Gate:
    """Answers every visit.

    :ivar answered: how many answers of each status there were.
    :param origin: the site's own, such as `https://trade.example.com`; empty: the one of Host.
    """

    log = Logger()

    def __init__(
        self,
        routes: Sequence[Route],
        sessions: Sessions,
        api_access: ApiAccess,
        cookies: Cookies,
        pages: Pages,
        origin: str = "",
    ) -> None:
        self.routes = list(routes)
        self._sessions = sessions
        self._api_access = api_access
        self._cookies = cookies
        self._pages = pages
        self._origin = origin
        self.answered: Counter[int] = Counter()

    async def answer(self, visit: Visit) -> Reply:
        """The answer to a visit, with all its headers; never raises."""
        is_api = visit.path.startswith("/api/")
        try:
            reply = await self._answer(visit)
        except TradeError as refusal:
            reply = self._refuse(visit, refusal, is_api)
        except Exception:
            self.log.failure("{method} failed", method=visit.method)
            trouble = TradeError(Code.INTERNAL, "something went wrong here; it is in the log")
            reply = self._refuse(visit, trouble, is_api)
        self.answered[int(reply.status)] += 1
        reply.headers = {**SAFETY_HEADERS, **reply.headers}
        reply.headers["Cache-Control"] = PUBLIC if reply.is_public else PRIVATE
        if self._cookies.is_secure:
            reply.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
        return reply

    async def _answer(self, visit: Visit) -> Reply:
        route = self._route_of(visit)
        if isinstance(route, Reply):
            return route
        if route.door.is_api:
            if route.door is Door.API:
                visit.access = await self._api_access.of(visit)
            return await route.view(visit)
        token = visit.cookies.get(self._cookies.session_name, "")
        visit.access = await self._sessions.find(token, SessionKind.BROWSER) if token else None
        return await self._answer_browser(route, visit)

    def _route_of(self, visit: Visit) -> Route | Reply:
        parts = visit.path.split("/")
        methods = []
        asked = "GET" if visit.method == "HEAD" else visit.method
        for route in self.routes:
            found = route.match(parts)
            if found is not None and route.method == asked:
                visit.parts = found
                return route
            if found is not None:
                methods.append(route.method)
        if methods:
            headers = {"Allow": ", ".join(sorted(methods))}
            return Reply(HTTPStatus.METHOD_NOT_ALLOWED, headers=headers)
        body = self._pages.render("missing.html", visit)
        return Reply(HTTPStatus.NOT_FOUND, body)

    async def _answer_browser(self, route: Route, visit: Visit) -> Reply:
        """Keep out whoever may not come in, and forms that are not ours."""
        if visit.access is None and route.door is not Door.OPEN:
            return see_other("/log-in")
        visitor_token = self._visitor_token(visit)
        visit.csrf = csrf_of(visitor_token)
        if visit.method not in _SAFE_METHODS:
            self._check_origin(visit)
            if not is_csrf_of(visitor_token, visit.form.get("csrf", "")):
                raise _FORGED
        if route.door is Door.ADMINISTRATOR and not visit.known.is_administrator:
            raise TradeError(Code.NOT_PERMITTED, "only the administrator may see this")
        has_to_change = visit.access is not None and visit.access.user.must_change
        if has_to_change and route.door in (Door.USER, Door.ADMINISTRATOR):
            return see_other("/password")
        reply = await route.view(visit)
        if visit.access is None and self._cookies.form_name not in visit.cookies:
            reply.cookies.append(self._cookies.for_form(visitor_token))
        return reply

    def _visitor_token(self, visit: Visit) -> str:
        """The secret that forms are bound to: the session's, or one for those without."""
        if visit.access is not None:
            return visit.cookies[self._cookies.session_name]
        return visit.cookies.get(self._cookies.form_name) or self._sessions.new_token()

    def _check_origin(self, visit: Visit) -> None:
        """Refuse what another site sends; a browser says where a form comes from."""
        if visit.headers("sec-fetch-site") not in ("", "same-origin", "none"):
            raise _FORGED
        origin = visit.headers("origin")
        if not origin:
            return
        if self._origin:
            is_ours = origin == self._origin
        else:
            is_ours = urlsplit(origin).netloc == visit.headers("host")
        if not is_ours:
            raise _FORGED

    def _refuse(self, visit: Visit, refusal: TradeError, is_api: bool) -> Reply:
        if is_api:
            return problem_reply(refusal)
        body = self._pages.render("refused.html", visit, refusal=refusal)
        return Reply(status_of(refusal.code), body, HTML)
