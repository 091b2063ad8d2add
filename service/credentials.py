"""Who may log in to a daemon, and as whom a daemon logs in elsewhere: small JSON files.

Imports only `protocol`. An accept file holds verifiers, from which no password can be had; a
credential file holds a password, and must be readable by its owner alone.
"""

from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from protocol.authentication import AccessRole, Verifier, make_verifier


class CredentialsError(Exception):
    """A credential or accept file cannot be used; the message says which and why."""


class Credential(Struct, frozen=True, forbid_unknown_fields=True):
    """A name with its password."""

    name: str
    password: str
    role: AccessRole


class VerifierSource(Protocol):
    """Where a server looks up who may log in."""

    async def verifier_for(self, name: str) -> Verifier | None:
        """The verifier of a name, or None where there is no such name."""
        ...


class FixedVerifiers:
    """Verifiers known from the start."""

    def __init__(self, verifiers: dict[str, Verifier]) -> None:
        self._verifiers = dict(verifiers)

    async def verifier_for(self, name: str) -> Verifier | None:
        """See `VerifierSource`."""
        return self._verifiers.get(name)


def read_credential(path: Path) -> Credential:
    """Read a credential file; raises `CredentialsError`."""
    credential: Credential = _read(path, Credential)
    return credential


def read_accept_file(path: Path) -> FixedVerifiers:
    """Read an accept file; raises `CredentialsError`."""
    return FixedVerifiers(_read(path, dict[str, Verifier]))


def write_accept_file(path: Path, credentials: list[Credential]) -> None:
    """Write verifiers for these names; the passwords stay out."""
    verifiers = {c.name: make_verifier(c.password, c.role) for c in credentials}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(verifiers)))
    path.chmod(0o600)


def _read(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise CredentialsError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise CredentialsError(f"{path} is not such a file: {error}") from None
