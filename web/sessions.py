"""Who is logged in: tokens, how long they last, and what may be tried how often.

A token is 256 random bits and lives in a cookie or with a program; the store has its SHA-256 alone.
Each log-in makes a new one, so a token planted before is worth nothing after.
"""

import hashlib
import hmac
from collections.abc import Callable

from msgspec import Struct

from protocol.authentication import AccessRole
from protocol.errors import Code, TradeError
from protocol.fields import is_user
from web.passwords import Hashing, check_password
from web.store import Session, SessionKind, User, WebStore

TOKEN_BYTES = 32
SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

SEEN_EVERY_MS = 20 * SECOND_MS
"""A session in use is noted this often, not with each request."""

AGENT_LENGTH_MAX = 120


class Lifetimes(Struct, frozen=True):
    """How long sessions last (OWASP ASVS 5.0, 7.3)."""

    idle_ms: int = 15 * MINUTE_MS
    absolute_ms: int = 12 * HOUR_MS
    remembered_ms: int = 30 * DAY_MS


class Allowance(Struct, frozen=True):
    """How often something may be tried: `burst` at once, then one more `every_ms`."""

    purpose: str
    burst: int
    every_ms: int


LOG_IN_BY_NAME = Allowance("log-in name", 5, 30 * SECOND_MS)
LOG_IN_BY_ADDRESS = Allowance("log-in address", 20, 6 * SECOND_MS)
SIGN_UP_BY_ADDRESS = Allowance("sign-up address", 10, MINUTE_MS)
LOG_BY_NAME = Allowance("log name", 6, 10 * SECOND_MS)

RESERVED_NAMES = frozenset(role.value for role in AccessRole)
"""The system's own accounts are named after their roles."""

_WRONG = "the name or the password is wrong"


class Access(Struct, frozen=True):
    """A logged-in visitor: the session, the user, and the secret that forms must repeat."""

    session: Session
    user: User
    csrf: str

    @property
    def is_administrator(self) -> bool:
        """The original's "root"."""
        return self.user.role is AccessRole.ADMINISTRATOR


class Sessions:
    """Log-in, sign-up and what follows from them.

    :param now_ms: the store's time.
    :param random_bytes: unpredictable bytes.
    """

    def __init__(
        self,
        store: WebStore,
        hashing: Hashing,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        lifetimes: Lifetimes,
    ) -> None:
        self._store = store
        self._hashing = hashing
        self.now_ms = now_ms
        self._random_bytes = random_bytes
        self._lifetimes = lifetimes

    def new_token(self) -> str:
        """A token that nobody can guess."""
        return self._random_bytes(TOKEN_BYTES).hex()

    async def sign_up(self, name: str, password: str, address: str) -> User:
        """Make a user; raises `TradeError` BAD_USER, BAD_PASSWORD, NAME_TAKEN or SLOW_DOWN."""
        if not is_user(name):
            raise TradeError(
                Code.BAD_USER, "a name has 1 to 64 letters, digits or _ - . @, and nothing else"
            )
        check_password(name, password)
        await self._allow(SIGN_UP_BY_ADDRESS, address)
        secret = await self._hashing.secret_of(password, AccessRole.USER)
        is_reserved = name.casefold() in RESERVED_NAMES
        now_ms = self.now_ms()
        if is_reserved or not await self._store.add_user(name, secret, AccessRole.USER, now_ms):
            raise TradeError(Code.NAME_TAKEN, "somebody has this name already: choose another one")
        return User(name, secret.password_hash, AccessRole.USER, now_ms, False)

    async def check(self, name: str, password: str, address: str) -> User:
        """The user who has this password; raises `TradeError` LOGIN_FAILED or SLOW_DOWN.

        Neither the answer nor the time it takes tells whether there is such a user.
        """
        await self._allow(LOG_IN_BY_ADDRESS, address)
        await self._allow(LOG_IN_BY_NAME, name.casefold())
        user = await self._store.user(name) if is_user(name) else None
        stored = None if user is None else user.password_hash
        if not await self._hashing.fits(stored, password) or user is None:
            raise TradeError(Code.LOGIN_FAILED, _WRONG)
        return user

    async def allow_log(self, user: str) -> None:
        """Raise `TradeError` SLOW_DOWN where a user asks for the log too often."""
        await self._allow(LOG_BY_NAME, user)

    async def _allow(self, allowance: Allowance, who: str) -> None:
        # A hash, so that nobody chooses what the key holds or how long it is.
        key = hashlib.sha256(f"{allowance.purpose} {who}".encode()).hexdigest()
        now_ms = self.now_ms()
        if not await self._store.take(key, allowance.burst, allowance.every_ms, now_ms):
            seconds = allowance.every_ms // SECOND_MS
            raise TradeError(Code.SLOW_DOWN, f"too many tries: wait {seconds} s, then try again")

    async def open(
        self, user: User, kind: SessionKind, agent: str, *, remembered: bool = False
    ) -> str:
        """Log a user in and return the new session's token."""
        token, now_ms = self.new_token(), self.now_ms()
        lives_ms = self._lifetimes.remembered_ms if remembered else self._lifetimes.absolute_ms
        is_watched = kind is SessionKind.BROWSER and not remembered
        session = Session(
            token_hash(token),
            user.name,
            kind,
            agent[:AGENT_LENGTH_MAX],
            now_ms,
            now_ms,
            self._lifetimes.idle_ms if is_watched else 0,
            now_ms + lives_ms,
        )
        await self._store.open_session(session)
        return token

    async def find(self, token: str, kind: SessionKind) -> Access | None:
        """Whom a token logs in, if anybody; the session counts as used."""
        now_ms = self.now_ms()
        found = await self._store.session(token_hash(token), now_ms)
        if found is None or found[0].kind is not kind:
            return None
        session, user = found
        if now_ms - session.seen_ms >= SEEN_EVERY_MS:
            await self._store.see_session(session.token_hash, now_ms)
        return Access(session, user, csrf_of(token))

    async def is_going_on(self, session: Session) -> bool:
        """Tell whether a session that is being served is still to be served."""
        return await self._store.session(session.token_hash, self.now_ms()) is not None

    async def of(self, user: str) -> list[Session]:
        """A user's sessions, the newest first."""
        return await self._store.sessions_of(user, self.now_ms())

    async def end(self, user: str, ended: bytes) -> None:
        """Log one session out, here and everywhere."""
        await self._store.end_session(user, ended)

    async def end_all(self, user: str) -> None:
        """Log a user out everywhere."""
        await self._store.end_sessions(user)

    async def change_password(self, user: User, password: str, *, by_administrator: bool) -> None:
        """Give a user another password, which ends all the user's sessions.

        Raises `TradeError` BAD_PASSWORD or SLOW_DOWN.
        """
        check_password(user.name, password)
        secret = await self._hashing.secret_of(password, user.role)
        await self._store.set_password(user.name, secret, must_change=by_administrator)


def token_hash(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def csrf_of(token: str) -> str:
    """What a form must repeat to be one of ours: nobody can make it without the token."""
    return hmac.digest(token.encode(), b"form", hashlib.sha256).hex()


def is_csrf_of(token: str, given: str) -> bool:
    """Tell whether a form was made for the holder of this token."""
    return hmac.compare_digest(csrf_of(token).encode(), given.encode())
