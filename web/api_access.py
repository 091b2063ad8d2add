"""How programs show who they are: a bearer token, or name and password with each request.

Used by `web.gate`. Cookies count for nothing here, so no other site can make a browser call us.
HTTP Basic is taken over TLS alone, or on this machine.
"""

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from ipaddress import ip_address

from protocol.errors import Code, TradeError
from web.sessions import MINUTE_MS, Access, Sessions
from web.store import Session, SessionKind, User, WebStore
from web.visit import Visit

REMEMBERED_MS = 5 * MINUTE_MS
REMEMBERED_MAX = 1000


class ApiAccess:
    """Looks who calls.

    :param secret: random bytes of this process.
    """

    def __init__(
        self, sessions: Sessions, store: WebStore, secret: bytes, *, is_secure: bool
    ) -> None:
        self._sessions = sessions
        self._store = store
        self._secret = secret
        self._is_secure = is_secure
        self._checked: OrderedDict[bytes, int] = OrderedDict()

    async def of(self, visit: Visit) -> Access:
        """Who calls; raises `TradeError` LOGIN_FAILED, SLOW_DOWN or NOT_PERMITTED."""
        scheme, _, given = visit.headers("authorization").partition(" ")
        if scheme.lower() == "bearer":
            access = await self._sessions.find(given.strip(), SessionKind.API)
        elif scheme.lower() == "basic":
            access = await self._by_password(visit, given.strip())
        else:
            access = None
        if access is None:
            raise TradeError(Code.LOGIN_FAILED, "send a token that is good, or name and password")
        if access.user.must_change:
            raise TradeError(Code.NOT_PERMITTED, "choose a password of your own first, on the web")
        return access

    async def _by_password(self, visit: Visit, given: str) -> Access:
        if not (self._is_secure or is_loopback(visit.address)):
            raise TradeError(Code.NOT_PERMITTED, "passwords are taken over TLS only")
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise TradeError(Code.LOGIN_FAILED, "this is no name and password") from None
        user = await self._checked_user(name, password, visit.address)
        now_ms = self._sessions.now_ms()
        session = Session(b"", user.name, SessionKind.API, "", now_ms, now_ms, 0, now_ms)
        return Access(session, user, "")

    async def _checked_user(self, name: str, password: str, address: str) -> User:
        """Check a password slowly once, then know it again for some minutes.

        What is remembered says nothing without the hash that is stored, so a changed password is
        noticed at once.
        """
        user = await self._store.user(name) if "\0" not in name else None
        proof = "\0".join([name, password, user.password_hash if user else ""])
        key = hmac.digest(self._secret, proof.encode(), hashlib.sha256)
        now_ms = self._sessions.now_ms()
        if user is not None and self._checked.get(key, 0) > now_ms:
            return user
        checked = await self._sessions.check(name, password, address)
        self._checked[key] = now_ms + REMEMBERED_MS
        if len(self._checked) > REMEMBERED_MAX:
            self._checked.popitem(last=False)
        return checked


def is_loopback(address: str) -> bool:
    """Tell whether an address is of this machine."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "local"
