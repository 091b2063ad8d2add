"""A request and its answer as the views see them: plain data, no socket.

Pure. What comes in was checked for size and form by `web.site`, for origin and rights by
`web.gate`; what goes out gets its safety headers there too.
"""

from collections.abc import Awaitable, Callable
from enum import Enum
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct, field

from web.sessions import Access

HTML = "text/html; charset=utf-8"
JSON = "application/json"
PROBLEM = "application/problem+json"


class Stream(Struct):
    """An answer that is written little by little.

    :ivar run: given a `Sink`, writes to it; the answer ends when it returns.
    """

    run: Callable[["Sink"], Awaitable[None]]


class Sink:
    """Where a streamed answer goes; see `web.site` for the real one."""

    def write(self, data: bytes) -> None:
        """Send a part."""
        raise NotImplementedError

    @property
    def is_lost(self) -> bool:
        """Whether the reader has gone away."""
        raise NotImplementedError

    @property
    def has_room(self) -> bool:
        """Whether the reader keeps up with what is written."""
        raise NotImplementedError

    def when_room_changes(self, call: Callable[[bool], None]) -> None:
        """Call each time that `has_room` changes."""
        raise NotImplementedError

    def when_lost(self, call: Callable[[], None]) -> None:
        """Call once when the reader goes away."""
        raise NotImplementedError

    def abort(self) -> None:
        """Break off, so that the reader sees that something is missing."""
        raise NotImplementedError


class Reply(Struct):
    """What is answered.

    :ivar cookies: whole Set-Cookie values.
    :ivar is_public: the same for everybody, so that it may be cached.
    """

    status: int = HTTPStatus.OK
    body: bytes | Stream = b""
    content_type: str = HTML
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    is_public: bool = False


class Visit(Struct):
    """One request.

    :ivar parts: what the path's placeholders stand for.
    :ivar form: the fields of the form that was sent; only the last of several of one name.
    :ivar access: who is logged in, or None.
    :ivar csrf: what forms on the answer's page must repeat.
    """

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    body: bytes
    headers: Callable[[str], str]
    address: str
    cookies: dict[str, str]
    parts: dict[str, str] = field(default_factory=dict)
    access: Access | None = None
    csrf: str = ""

    @property
    def known(self) -> Access:
        """Who is logged in, where the route lets in nobody else."""
        assert self.access is not None
        return self.access


View = Callable[[Visit], Awaitable[Reply]]


class Door(Enum):
    """Who may come in, and how they show who they are.

    USER keeps out those who have yet to choose a password of their own; ANY_USER does not.
    """

    OPEN = "open"
    ANY_USER = "any-user"
    USER = "user"
    ADMINISTRATOR = "administrator"
    API_OPEN = "api-open"
    API = "api"

    @property
    def is_api(self) -> bool:
        """Whether programs come here, with tokens instead of cookies."""
        return self in (Door.API_OPEN, Door.API)


class Route(Struct, frozen=True):
    """A method and a path, such as `/admin/users/{name}`, with what answers there."""

    method: str
    path: str
    door: Door
    view: View

    def match(self, parts: list[str]) -> dict[str, str] | None:
        """What the placeholders stand for where the path fits, else None."""
        own = self.path.split("/")
        if len(own) != len(parts):
            return None
        found = {}
        for mine, given in zip(own, parts, strict=True):
            if mine.startswith("{"):
                found[mine[1:-1]] = given
            elif mine != given:
                return None
        return found


def whole_number(text: str) -> int | None:
    """A number that a visitor gave, or None where it is none that a journal could have."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def see_other(path: str, *cookies: str) -> Reply:
    """Send the visitor to another page, so that a reload does not send a form again."""
    return Reply(HTTPStatus.SEE_OTHER, headers={"Location": path}, cookies=list(cookies))


def json_reply(value: Any, status: int = HTTPStatus.OK) -> Reply:
    """Answer a program."""
    return Reply(status, msgspec.json.encode(value), JSON)
