"""Users and sessions in Postgres: see `web.store.WebStore` for what each method promises.

Each method is one statement, and so one transaction.
"""

import msgspec
from twisted.internet.interfaces import IReactorTime

from ledger.postgres.session import Pool
from protocol.authentication import AccessRole, Verifier
from web.store import REQUEST_KEPT_MS, Secret, Session, SessionKind, User, UserLine

_ADD_USER = """
WITH added AS (
    INSERT INTO credential (name, verifier)
    SELECT %s, %s::jsonb
    WHERE NOT EXISTS (SELECT FROM account WHERE user_name = %s AND opened)
    ON CONFLICT (name) DO NOTHING
    RETURNING name
)
INSERT INTO web_user (name, password_hash, role, created_ms, must_change)
SELECT name, %s, %s, %s, false FROM added
RETURNING name
"""

_SET_PASSWORD = """
WITH changed AS (
    UPDATE web_user SET password_hash = %s, must_change = %s WHERE name = %s RETURNING name
), accepted AS (
    INSERT INTO credential (name, verifier) SELECT name, %s::jsonb FROM changed
    ON CONFLICT (name) DO UPDATE SET verifier = excluded.verifier
), ended AS (
    DELETE FROM web_session WHERE user_name = (SELECT name FROM changed)
)
SELECT name FROM changed
"""

_USERS_AFTER = """
SELECT u.name, u.role, u.created_ms, coalesce(max(s.seen_ms), 0), count(s.token_hash)
FROM web_user u LEFT JOIN web_session s ON s.user_name = u.name
WHERE u.name > %s GROUP BY u.name ORDER BY u.name LIMIT %s
"""

_USER_COLUMNS = " u.name, u.password_hash, u.role, u.created_ms, u.must_change "
_SESSION_COLUMNS = (
    " s.token_hash, s.user_name, s.kind, s.agent, s.opened_ms, s.seen_ms, s.idle_ms, s.expires_ms "
)
_IS_GOING_ON = " s.expires_ms > %s AND (s.idle_ms = 0 OR s.seen_ms + s.idle_ms > %s) "

_FIND_SESSION = (
    "SELECT" + _SESSION_COLUMNS + "," + _USER_COLUMNS + "FROM web_session s "
    "JOIN web_user u ON u.name = s.user_name WHERE s.token_hash = %s AND" + _IS_GOING_ON
)
_SESSIONS_OF = (
    "SELECT" + _SESSION_COLUMNS + "FROM web_session s WHERE s.user_name = %s AND"
    + _IS_GOING_ON + "ORDER BY s.opened_ms DESC"
)  # fmt: skip

_FORGET = """
WITH sessions AS (
    DELETE FROM web_session s
    WHERE s.expires_ms <= %s OR (s.idle_ms > 0 AND s.seen_ms + s.idle_ms <= %s)
), allowances AS (
    DELETE FROM web_allowance WHERE full_ms <= %s
), requests AS (
    DELETE FROM web_request WHERE made_ms < %s
)
SELECT 1
"""

_TAKE = """
INSERT INTO web_allowance AS a (key, full_ms) VALUES (%s, %s + %s)
ON CONFLICT (key) DO UPDATE SET full_ms = greatest(a.full_ms, %s) + %s
WHERE greatest(a.full_ms, %s) - %s <= %s
RETURNING key
"""

_NUMBER_OF = """
INSERT INTO web_request AS r (user_name, command_id, made_ms) VALUES (%s, %s::uuid, %s)
ON CONFLICT (user_name, command_id) DO UPDATE SET made_ms = r.made_ms
RETURNING transaction_num
"""


class PostgresWebStore:
    """One process's access to the users and sessions."""

    def __init__(self, reactor: IReactorTime, dsn: str, pool_size: int = 4) -> None:
        self._pool = Pool(reactor, dsn, pool_size)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    async def now_ms(self) -> int:
        rows = await self._pool.query(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
        )
        return int(rows[0][0])

    # Users.

    async def add_user(self, name: str, secret: Secret, role: AccessRole, now_ms: int) -> bool:
        rows = await self._pool.query(
            _ADD_USER, name, _encoded(secret.verifier), name, secret.password_hash, role, now_ms
        )
        return bool(rows)

    async def user(self, name: str) -> User | None:
        rows = await self._pool.query(
            "SELECT" + _USER_COLUMNS + "FROM web_user u WHERE u.name = %s", name
        )
        return _user(rows[0]) if rows else None

    async def set_password(self, name: str, secret: Secret, *, must_change: bool) -> bool:
        rows = await self._pool.query(
            _SET_PASSWORD, secret.password_hash, must_change, name, _encoded(secret.verifier)
        )
        return bool(rows)

    async def users_after(self, name: str, limit: int) -> list[UserLine]:
        rows = await self._pool.query(_USERS_AFTER, name, limit)
        return [UserLine(row[0], AccessRole(row[1]), *row[2:]) for row in rows]

    # Sessions.

    async def open_session(self, session: Session) -> None:
        await self._pool.query(
            "INSERT INTO web_session VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING 1",
            *msgspec.structs.astuple(session),
        )

    async def session(self, token_hash: bytes, now_ms: int) -> tuple[Session, User] | None:
        rows = await self._pool.query(_FIND_SESSION, token_hash, now_ms, now_ms)
        return (_session(rows[0][:8]), _user(rows[0][8:])) if rows else None

    async def see_session(self, token_hash: bytes, now_ms: int) -> None:
        await self._pool.query(
            "UPDATE web_session SET seen_ms = %s WHERE token_hash = %s RETURNING 1",
            now_ms,
            token_hash,
        )

    async def sessions_of(self, user: str, now_ms: int) -> list[Session]:
        rows = await self._pool.query(_SESSIONS_OF, user, now_ms, now_ms)
        return [_session(row) for row in rows]

    async def end_session(self, user: str, token_hash: bytes) -> None:
        await self._pool.query(
            "DELETE FROM web_session WHERE user_name = %s AND token_hash = %s RETURNING 1",
            user,
            token_hash,
        )

    async def end_sessions(self, user: str) -> None:
        await self._pool.query("DELETE FROM web_session WHERE user_name = %s RETURNING 1", user)

    async def forget(self, now_ms: int) -> None:
        await self._pool.query(_FORGET, now_ms, now_ms, now_ms, now_ms - REQUEST_KEPT_MS)

    # Limits and numbers.

    async def take(self, key: str, burst: int, every_ms: int, now_ms: int) -> bool:
        rows = await self._pool.query(
            _TAKE,
            *(key, now_ms, every_ms, now_ms, every_ms),
            *(now_ms, now_ms, (burst - 1) * every_ms),
        )
        return bool(rows)

    async def numbers(self, count: int) -> list[int]:
        rows = await self._pool.query(
            "SELECT nextval('transaction_number') FROM generate_series(1, %s)", count
        )
        return [row[0] for row in rows]

    async def number_of(self, user: str, command_id: bytes, now_ms: int) -> int:
        rows = await self._pool.query(_NUMBER_OF, user, command_id.hex(), now_ms)
        return int(rows[0][0])


def _encoded(verifier: Verifier) -> str:
    return msgspec.json.encode(verifier).decode()


def _user(row: tuple[object, ...]) -> User:
    return msgspec.convert(dict(zip(User.__struct_fields__, row, strict=True)), User)


def _session(row: tuple[object, ...]) -> Session:
    token_hash, user, kind, *rest = row
    assert isinstance(token_hash, memoryview)
    return Session(bytes(token_hash), str(user), SessionKind(kind), *rest)  # type: ignore[arg-type]
