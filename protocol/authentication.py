"""Log-in by SCRAM-SHA-256 (RFC 5802), both sides of it, without I/O.

Everyone may import this. A server keeps verifiers, from which no password can be had; a password
never travels. The exchange itself is scramp's.
"""

import hashlib
import hmac
from enum import StrEnum

from msgspec import Struct
from scramp import ScramClient, ScramException, ScramMechanism

from protocol.errors import Code, TradeError
from protocol.messages import LoggedIn, LogIn, LogInChallenge, LogInProof

MECHANISM = "SCRAM-SHA-256"
ITERATIONS = 100_000
"""PBKDF2 rounds of new verifiers: what a thief of verifiers must spend for each guess."""


class AccessRole(StrEnum):
    """What a logged-in connection may do."""

    USER = "user"
    WORKLOAD = "workload"
    NODE = "node"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


class Verifier(Struct, frozen=True):
    """What a server knows of a password, and the role that it opens."""

    role: AccessRole
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def make_verifier(
    password: str, role: AccessRole, *, salt: bytes | None = None, iterations: int = ITERATIONS
) -> Verifier:
    """Derive what to store for a new password; the salt is random unless given.

    Raises `TradeError` LOGIN_FAILED for a password that SCRAM cannot carry (RFC 4013).
    """
    mechanism = ScramMechanism(MECHANISM)
    try:
        made = mechanism.make_auth_info(password, iteration_count=iterations, salt=salt)
    except ScramException:
        raise _unusable() from None
    return Verifier(role, made[0], made[3], made[1], made[2])


def is_password_of(verifier: Verifier, password: str) -> bool:
    """Tell whether a password is the one behind a verifier; takes long, on purpose."""
    try:
        made = make_verifier(
            password, verifier.role, salt=verifier.salt, iterations=verifier.iterations
        )
    except TradeError:
        return False
    return hmac.compare_digest(made.stored_key, verifier.stored_key)


def decoy_verifier(name: str, secret: bytes) -> Verifier:
    """A verifier that no password fits, the same for a name each time, so that a log-in does not
    tell whether the name exists."""

    def derive(purpose: str) -> bytes:
        return hmac.digest(secret, f"{purpose} {name}".encode(), hashlib.sha256)

    return Verifier(AccessRole.USER, derive("salt"), ITERATIONS, derive("stored"), derive("server"))


def _refusal() -> TradeError:
    return TradeError(Code.LOGIN_FAILED, "the name or the password is wrong")


def _unusable() -> TradeError:
    return TradeError(
        Code.LOGIN_FAILED,
        "a name may not be empty, and neither a name nor a password may hold control characters, "
        "unassigned ones or mixed writing directions",
    )


class ClientLogIn:
    """The client's side of one exchange: `first`, then `prove`, then `finish`.

    Raises `TradeError` LOGIN_FAILED for a name or password that SCRAM cannot carry (RFC 4013).
    """

    def __init__(self, name: str, password: str, *, nonce: str | None = None) -> None:
        try:
            self._scram = ScramClient([MECHANISM], name, password, c_nonce=nonce)
        except ScramException:
            raise _unusable() from None

    def first(self) -> LogIn:
        """What to send first."""
        return LogIn(MECHANISM, self._scram.get_client_first())

    def prove(self, challenge: LogInChallenge) -> LogInProof:
        """Answer the challenge; raises `TradeError` LOGIN_FAILED when the server cheats."""
        try:
            self._scram.set_server_first(challenge.server_first)
            return LogInProof(self._scram.get_client_final())
        except ScramException:
            raise _refusal() from None

    def finish(self, verdict: LoggedIn) -> str:
        """Check that the server knew the password too, and return the role.

        Raises `TradeError` LOGIN_FAILED when it did not.
        """
        try:
            self._scram.set_server_final(verdict.server_final)
        except ScramException:
            raise TradeError(
                Code.LOGIN_FAILED, "the server could not prove that it knows us: do not trust it"
            ) from None
        return verdict.role


def name_of(log_in: LogIn) -> str:
    """The name that a client wants to log in by; raises `TradeError` LOGIN_FAILED without one."""
    if log_in.mechanism == MECHANISM:
        for part in log_in.client_first.split(","):
            if part.startswith("n=") and len(part) > 2:
                return part[2:]
    raise TradeError(Code.LOGIN_FAILED, f"log in with {MECHANISM} and a name")


class ServerLogIn:
    """The server's side of one exchange: `challenge`, then `judge`."""

    def __init__(self, verifier: Verifier, *, nonce: str | None = None) -> None:
        self._role = verifier.role
        self._scram = ScramMechanism(MECHANISM).make_server(
            lambda _name: (
                verifier.salt,
                verifier.stored_key,
                verifier.server_key,
                verifier.iterations,
            ),
            s_nonce=nonce,
        )

    def challenge(self, log_in: LogIn) -> LogInChallenge:
        """Answer the client's first message; raises `TradeError` LOGIN_FAILED on nonsense."""
        try:
            self._scram.set_client_first(log_in.client_first)
            return LogInChallenge(self._scram.get_server_first())
        except (ScramException, ValueError, KeyError):
            raise _refusal() from None

    def judge(self, proof: LogInProof) -> LoggedIn:
        """Open the connection, or raise `TradeError` LOGIN_FAILED."""
        try:
            self._scram.set_client_final(proof.client_final)
            return LoggedIn(self._scram.get_server_final(), self._role.value)
        except (ScramException, ValueError, KeyError):
            raise _refusal() from None
