"""Users and sessions in memory, for tests: the twin of the Postgres store.

It keeps the same contract (`tests/web/store_contract.py`).
"""

from collections.abc import Callable, Container
from itertools import count

import msgspec

from protocol.authentication import AccessRole, Verifier
from web.store import REQUEST_KEPT_MS, Secret, Session, User, UserLine


class MemoryWebStore:
    """See `web.store.WebStore` for what each method promises.

    :param accounts: names that the ledger knows.
    """

    def __init__(self, now_ms: Callable[[], int], accounts: Container[str] = ()) -> None:
        self._now_ms = now_ms
        self._accounts = accounts
        self._users: dict[str, User] = {}
        self._sessions: dict[bytes, Session] = {}
        self._full_ms: dict[str, int] = {}
        self._numbers = count(1)
        self._requests: dict[tuple[str, bytes], tuple[int, int]] = {}
        self.verifiers: dict[str, Verifier] = {}

    async def now_ms(self) -> int:
        return self._now_ms()

    async def add_user(self, name: str, secret: Secret, role: AccessRole, now_ms: int) -> bool:
        if name in self.verifiers or name in self._accounts:
            return False
        self._users[name] = User(name, secret.password_hash, role, now_ms, False)
        self.verifiers[name] = secret.verifier
        return True

    async def user(self, name: str) -> User | None:
        return self._users.get(name)

    async def set_password(self, name: str, secret: Secret, *, must_change: bool) -> bool:
        user = self._users.get(name)
        if user is None:
            return False
        self._users[name] = msgspec.structs.replace(
            user, password_hash=secret.password_hash, must_change=must_change
        )
        self.verifiers[name] = secret.verifier
        await self.end_sessions(name)
        return True

    async def users_after(self, name: str, limit: int) -> list[UserLine]:
        names = sorted(known for known in self._users if known > name)[:limit]
        return [self._line_of(self._users[known]) for known in names]

    def _line_of(self, user: User) -> UserLine:
        seen = [s.seen_ms for s in self._sessions.values() if s.user == user.name]
        return UserLine(user.name, user.role, user.created_ms, max(seen, default=0), len(seen))

    async def open_session(self, session: Session) -> None:
        self._sessions[session.token_hash] = session

    async def session(self, token_hash: bytes, now_ms: int) -> tuple[Session, User] | None:
        session = self._sessions.get(token_hash)
        if session is None or session.is_over(now_ms) or session.user not in self._users:
            return None
        return session, self._users[session.user]

    async def see_session(self, token_hash: bytes, now_ms: int) -> None:
        session = self._sessions.get(token_hash)
        if session is not None:
            self._sessions[token_hash] = msgspec.structs.replace(session, seen_ms=now_ms)

    async def sessions_of(self, user: str, now_ms: int) -> list[Session]:
        own = [s for s in self._sessions.values() if s.user == user and not s.is_over(now_ms)]
        return sorted(own, key=lambda session: session.opened_ms, reverse=True)

    async def end_session(self, user: str, token_hash: bytes) -> None:
        session = self._sessions.get(token_hash)
        if session is not None and session.user == user:
            del self._sessions[token_hash]

    async def end_sessions(self, user: str) -> None:
        for token_hash in [key for key, s in self._sessions.items() if s.user == user]:
            del self._sessions[token_hash]

    async def forget(self, now_ms: int) -> None:
        for token_hash in [key for key, s in self._sessions.items() if s.is_over(now_ms)]:
            del self._sessions[token_hash]
        self._full_ms = {key: ms for key, ms in self._full_ms.items() if ms > now_ms}
        oldest_ms = now_ms - REQUEST_KEPT_MS
        self._requests = {key: made for key, made in self._requests.items() if made[1] >= oldest_ms}

    async def take(self, key: str, burst: int, every_ms: int, now_ms: int) -> bool:
        full_ms = max(self._full_ms.get(key, 0), now_ms)
        if full_ms - now_ms > (burst - 1) * every_ms:
            return False
        self._full_ms[key] = full_ms + every_ms
        return True

    async def numbers(self, count: int) -> list[int]:
        return [next(self._numbers) for _ in range(count)]

    async def number_of(self, user: str, command_id: bytes, now_ms: int) -> int:
        known = self._requests.get((user, command_id))
        if known is None:
            known = self._requests[user, command_id] = (next(self._numbers), now_ms)
        return known[0]
