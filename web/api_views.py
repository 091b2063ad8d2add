"""The JSON API: the sixteen commands for programs, and tokens to give them with.

Views for `web.assembly`. Money is text such as "12.50", never a JSON number, which many languages
read as a float. A request with an Idempotency-Key may be sent again without being done again.
"""

from http import HTTPStatus
from typing import Any

import msgspec

from protocol.errors import Code, TradeError
from protocol.messages import Message, Receipt, Refused, Summary
from protocol.money import format_cents
from web.commands import DUMPLOG, FORMS, SUMMARY, Form
from web.downloads import Downloads
from web.openapi import API, description
from web.pages import Pages
from web.problems import problem_reply, status_of
from web.security_log import Witness
from web.sessions import Lifetimes, Sessions
from web.store import SessionKind
from web.trade_views import log_reply, refusal_of
from web.trading import Trading
from web.visit import Door, Reply, Route, View, Visit, json_reply, whole_number

KEY_LENGTH_MAX = 255

_CENTS = "_cents"


class ApiViews:
    """Everything below `/api`."""

    def __init__(
        self,
        pages: Pages,
        sessions: Sessions,
        trading: Trading,
        downloads: Downloads,
        witness: Witness,
        lifetimes: Lifetimes,
    ) -> None:
        self._pages = pages
        self._sessions = sessions
        self._trading = trading
        self._downloads = downloads
        self._witness = witness
        self._lifetimes = lifetimes

    def routes(self) -> list[Route]:
        """Where these views are found."""
        return [
            Route("GET", "/api", Door.OPEN, self.show),
            Route("GET", f"{API}/openapi.json", Door.API_OPEN, self.describe),
            Route("POST", f"{API}/token", Door.API_OPEN, self.open_token),
            Route("DELETE", f"{API}/token", Door.API, self.end_token),
            *(
                Route("POST", f"{API}/{form.path}", Door.API, self._view_of(form))
                for form in FORMS.values()
            ),
        ]

    async def show(self, visit: Visit) -> Reply:
        """The API for people to read."""
        return self._pages.page("api.html", visit, api=API, statuses=_statuses())

    async def describe(self, visit: Visit) -> Reply:
        """The API for programs to read."""
        return json_reply(description())

    async def open_token(self, visit: Visit) -> Reply:
        """Log in: a token for the Authorization header."""
        given = read_fields(visit)
        name, password = given.get("name", ""), given.get("password", "")
        try:
            user = await self._sessions.check(name, password, visit.address)
        except TradeError as refusal:
            detail = f"API, {refusal.code.name}"
            self._witness.saw(visit, name, "log in", detail, is_refused=True)
            raise
        if user.must_change:
            raise TradeError(Code.NOT_PERMITTED, "choose a password of your own first, on the web")
        agent = visit.headers("user-agent")
        token = await self._sessions.open(user, SessionKind.API, agent)
        self._witness.saw(visit, user.name, "log in", "API")
        lives_s = self._lifetimes.absolute_ms // 1000
        return json_reply({"token": token, "expires_in_s": lives_s}, HTTPStatus.CREATED)

    async def end_token(self, visit: Visit) -> Reply:
        """Log out."""
        access = visit.known
        await self._sessions.end(access.user.name, access.session.token_hash)
        self._witness.saw(visit, access.user.name, "log out", "API")
        return Reply(HTTPStatus.NO_CONTENT)

    def _view_of(self, form: Form) -> View:
        if form.name == DUMPLOG:
            return self.dumplog
        if form.name == SUMMARY:
            return self.summary

        async def command(visit: Visit) -> Reply:
            user, given, key = visit.known.user.name, read_fields(visit), key_of(visit)
            done = await self._trading.carry_out(user, form, given, key and f"api {key}")
            if isinstance(done.reply, Refused):
                told = {"seq": done.reply.seq, "decided_ms": done.reply.decided_ms}
                return problem_reply(refusal_of(done.reply), **told)
            return json_reply(plain(done.reply))

        return command

    async def summary(self, visit: Visit) -> Reply:
        """DISPLAY_SUMMARY."""
        before_seq = whole_number(read_fields(visit).get("before_seq", "0"))
        if before_seq is None:
            raise TradeError(Code.BAD_BODY, 'before_seq is a journal number as text, such as "120"')
        return json_reply(plain(await self._trading.summary(visit.known.user.name, before_seq)))

    async def dumplog(self, visit: Visit) -> Reply:
        """DUMPLOG: the log as XML."""
        user = visit.known.user.name
        await self._sessions.allow_log(user)
        command_id, command = await self._trading.log_command(user)
        return log_reply(await self._downloads.begin(command_id, command))


def read_fields(visit: Visit) -> dict[str, str]:
    """The members of the JSON object that was sent; raises `TradeError` BAD_BODY."""
    if not visit.body:
        return {}
    try:
        fields: dict[str, str] = msgspec.json.decode(visit.body, type=dict[str, str])
    except ValueError as error:
        why = (
            f'send a JSON object of texts, such as {{"symbol": "ABC", "amount": "12.50"}}: {error}'
        )
        raise TradeError(Code.BAD_BODY, why) from None
    return fields


def key_of(visit: Visit) -> str:
    """The Idempotency-Key, empty without one; raises `TradeError` BAD_BODY."""
    key = visit.headers("idempotency-key")
    if len(key) > KEY_LENGTH_MAX:
        raise TradeError(
            Code.BAD_BODY, f"an Idempotency-Key has at most {KEY_LENGTH_MAX} characters"
        )
    return key


def plain(message: Message) -> dict[str, Any]:
    """A message as JSON: `price_cents` becomes `price`, an amount as text."""
    assert isinstance(message, Receipt | Summary)
    told: dict[str, Any] = _plain(msgspec.to_builtins(_named(message)))
    return told


def _named(value: Any) -> Any:
    """Messages travel as arrays; programs want names."""
    if isinstance(value, Message):
        return {name: _named(getattr(value, name)) for name in value.__struct_fields__}
    return [_named(each) for each in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name.removesuffix(_CENTS): format_cents(each) if name.endswith(_CENTS) else _plain(each)
        for name, each in value.items()
    }


def _statuses() -> list[tuple[Code, int]]:
    return [(code, int(status_of(code))) for code in Code if code is not Code.OK]
