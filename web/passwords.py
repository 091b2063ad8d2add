"""Passwords: which are good enough, and their slow hashes, made beside the reactor.

A password is never stored. The web keeps an argon2id hash, binary clients log in against a SCRAM
verifier, and both are always made together.
"""

import secrets
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import CHEAPEST
from twisted.internet.defer import Deferred
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from protocol.authentication import AccessRole, make_verifier
from protocol.errors import Code, TradeError
from web.store import Secret

LENGTH_MIN = 8
LENGTH_ADVISED = 15
BYTES_MAX = 1024
"""Bounds the work of hashing; nobody types as much."""

COMMON_MAX = 3000
"""The most common passwords, as many as this, are refused (OWASP ASVS 5.0, 6.2.4)."""

WAITING_MAX = 64
"""Passwords that may wait to be hashed; at some 80 ms each the last would wait for seconds."""

MEMORY_KIB = 19 * 1024
ROUNDS = 2
"""argon2id with 19 MiB, 2 rounds and 1 lane: the least that OWASP advises."""

_MADE_BYTES = 15

InThread = Callable[..., "Deferred[Any]"]


def strong_hasher() -> PasswordHasher:
    """The hash of real passwords."""
    return PasswordHasher(time_cost=ROUNDS, memory_cost=MEMORY_KIB, parallelism=1)


def quick_hasher() -> PasswordHasher:
    """A hash that costs nothing and protects nothing, for tests."""
    return PasswordHasher.from_parameters(CHEAPEST)


def check_password(name: str, password: str) -> None:
    """Raise `TradeError` BAD_PASSWORD, saying why, for a password that may not be chosen."""
    if len(password) < LENGTH_MIN:
        why = f"a password has at least {LENGTH_MIN} characters; {LENGTH_ADVISED} are better"
    elif len(password.encode()) > BYTES_MAX:
        why = f"a password has at most {BYTES_MAX} bytes"
    elif password.casefold() in (name.casefold(), "daytrade"):
        why = "the name of the user or the service is no password"
    elif password.casefold() in _common_passwords():
        why = "too many people use this password: choose another one"
    else:
        return
    raise TradeError(Code.BAD_PASSWORD, why)


@cache
def _common_passwords() -> frozenset[str]:
    return frozenset(FREQUENCY_LISTS["passwords"][:COMMON_MAX])


def made_password() -> str:
    """A password that nobody can guess, for an administrator to hand over."""
    return secrets.token_urlsafe(_MADE_BYTES)


def make_secret(hasher: PasswordHasher, password: str, role: AccessRole) -> Secret:
    """Hash a password for both ways to log in; takes some 0.2 s.

    Raises `TradeError` BAD_PASSWORD for one that SCRAM cannot carry.
    """
    try:
        verifier = make_verifier(password, role)
    except TradeError as unusable:
        raise TradeError(Code.BAD_PASSWORD, unusable.message) from None
    return Secret(hash_password(hasher, password), verifier)


def hash_password(hasher: PasswordHasher, password: str) -> str:
    """The web's hash of a password."""
    return hasher.hash(_composed(password))


def _composed(password: str) -> str:
    """The same letters for the same keys on every keyboard."""
    return unicodedata.normalize("NFC", password)


class Hashing:
    """Hashes passwords in a few threads; what does not find room to wait is refused.

    :param in_thread: calls a function in a bounded pool of threads; a Deferred tells its result.
    :ivar waiting: passwords that are being hashed, or wait for a thread.
    """

    def __init__(self, in_thread: InThread, hasher: PasswordHasher) -> None:
        self._in_thread = in_thread
        self._hasher = hasher
        self._decoy = hasher.hash(secrets.token_hex())
        self.waiting = 0

    async def secret_of(self, password: str, role: AccessRole) -> Secret:
        """What to store of a new password; raises `TradeError` BAD_PASSWORD or SLOW_DOWN."""
        secret: Secret = await self._run(make_secret, self._hasher, password, role)
        return secret

    async def fits(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the password is the right one; without a hash it takes as long to say no.

        Raises `TradeError` SLOW_DOWN.
        """
        stored = self._decoy if password_hash is None else password_hash
        is_right: bool = await self._run(self.verify, stored, password)
        return is_right and password_hash is not None

    def verify(self, password_hash: str, password: str) -> bool:
        """Tell slowly whether a password is that of a hash; to be called in a thread."""
        if len(password.encode()) > BYTES_MAX:
            return False
        try:
            return self._hasher.verify(password_hash, _composed(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., Any], *arguments: object) -> Any:
        if self.waiting >= WAITING_MAX:
            raise TradeError(Code.SLOW_DOWN, "too many people log in just now: try again soon")
        self.waiting += 1
        try:
            return await self._in_thread(work, *arguments)
        finally:
            self.waiting -= 1
