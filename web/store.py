"""Users, sessions and allowances of the web: the interface of their storage.

Two implementations keep one contract: Postgres (`web.postgres_store`) and a twin in memory
(`web.memory_store`). All times are Unix ms and come from the caller, who has them from the store's
own clock once and then advances them by a monotonic one.
"""

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from protocol.authentication import AccessRole, Verifier

REQUEST_KEPT_MS = 7 * 24 * 3600 * 1000
"""How long a command may be sent again under its id with the number that it had."""


class Secret(Struct, frozen=True):
    """What is stored of a password: the web's hash, and what binary clients log in by."""

    password_hash: str
    verifier: Verifier


class User(Struct, frozen=True):
    """Somebody who may log in on the web."""

    name: str
    password_hash: str
    role: AccessRole
    created_ms: int
    must_change: bool


class UserLine(Struct, frozen=True):
    """A user as the administrator sees one; `seen_ms` is 0 for one without a session."""

    name: str
    role: AccessRole
    created_ms: int
    seen_ms: int
    sessions: int


class SessionKind(StrEnum):
    """Where a session's token is kept: in a cookie, or by a program."""

    BROWSER = "browser"
    API = "api"


class Session(Struct, frozen=True):
    """Somebody who is logged in.

    :ivar token_hash: SHA-256 of the token; the token itself is nowhere but with its user.
    :ivar agent: what the browser or program called itself.
    :ivar idle_ms: the session ends when it was not seen for as long; 0: never.
    """

    token_hash: bytes
    user: str
    kind: SessionKind
    agent: str
    opened_ms: int
    seen_ms: int
    idle_ms: int
    expires_ms: int

    def is_over(self, now_ms: int) -> bool:
        """Tell whether the session has ended by itself."""
        is_idle = self.idle_ms > 0 and now_ms >= self.seen_ms + self.idle_ms
        return is_idle or now_ms >= self.expires_ms


class WebStore(Protocol):
    """Every method may raise `ledger.store.StoreUnavailable`."""

    async def now_ms(self) -> int:
        """The store's time, which all processes share."""

    # Users.

    async def add_user(self, name: str, secret: Secret, role: AccessRole, now_ms: int) -> bool:
        """Make a user; False where the name has an account or a log-in already, of any kind."""

    async def user(self, name: str) -> User | None:
        """Who logs in by this name."""

    async def set_password(self, name: str, secret: Secret, *, must_change: bool) -> bool:
        """Give a user another password and end all the user's sessions; False without such one."""

    async def users_after(self, name: str, limit: int) -> list[UserLine]:
        """Users whose name comes after `name`, in order."""

    # Sessions.

    async def open_session(self, session: Session) -> None:
        """Keep a new session."""

    async def session(self, token_hash: bytes, now_ms: int) -> tuple[Session, User] | None:
        """The session and its user, unless it is over."""

    async def see_session(self, token_hash: bytes, now_ms: int) -> None:
        """Note that the session is in use."""

    async def sessions_of(self, user: str, now_ms: int) -> list[Session]:
        """A user's sessions that are not over, the newest first."""

    async def end_session(self, user: str, token_hash: bytes) -> None:
        """End one session of a user."""

    async def end_sessions(self, user: str) -> None:
        """End all sessions of a user."""

    async def forget(self, now_ms: int) -> None:
        """Remove sessions that are over, allowances that are full and requests that are old."""

    # Limits and numbers.

    async def take(self, key: str, burst: int, every_ms: int, now_ms: int) -> bool:
        """Take one try out of a bucket of `burst`, to which one comes back `every_ms`.

        False where none was left; then nothing is taken.
        """

    async def numbers(self, count: int) -> list[int]:
        """Transaction numbers that nobody else has."""

    async def number_of(self, user: str, command_id: bytes, now_ms: int) -> int:
        """The transaction number of a command: the same each time it is asked for."""
