"""Signed heads: how far a log's chain was, kept where who rewrites the log cannot reach.

May be imported by everyone above `ledger`. A chain alone shows no truncation, and none shows a
rewriting of the whole: the head outside does. Ed25519 by `cryptography`.
"""

import os
from pathlib import Path
from typing import Protocol, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from audit.chain import Link

_PURPOSE = "daytrade audit head 1"
_pack = msgspec.msgpack.Encoder().encode


class HeadKeyError(Exception):
    """The key of the heads cannot be used; the message says which file and why."""


class Head(Struct, frozen=True):
    """The chain of a log at a moment.

    :ivar at_ms: when it was signed, Unix ms.
    """

    log_id: bytes
    link: Link
    at_ms: int

    @property
    def statement(self) -> bytes:
        """What is signed."""
        return _pack((_PURPOSE, self.log_id, self.link.number, self.link.digest, self.at_ms))


class SignedHead(Struct, frozen=True):
    """A head with its signature."""

    head: Head
    signature: bytes


class HeadBook(Protocol):
    """Where heads are kept, apart from the log."""

    async def put(self, signed: SignedHead) -> None:
        """Keep a head durably; raises `TradeError` where that cannot be done now."""
        ...

    async def newest(self, log_id: bytes | None = None) -> SignedHead | None:
        """The head signed last, of one log or of any; raises like `put`."""
        ...

    async def heads_after(self, log_id: bytes, number: int, limit: int) -> list[SignedHead]:
        """Heads of a log whose links have greater numbers, in order; raises like `put`."""
        ...


class HeadKey:
    """The private key that signs heads."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a key file that only its owner may read; raises `HeadKeyError`."""
        try:
            if path.stat().st_mode & 0o077:
                raise HeadKeyError(f"{path} can be read by others: chmod 600 it")
            private = serialization.load_pem_private_key(path.read_bytes(), None)
        except OSError as error:
            raise HeadKeyError(f"cannot read {path}: {error.strerror}") from None
        except (ValueError, TypeError) as error:
            raise HeadKeyError(f"{path} holds no key: {error}") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise HeadKeyError(f"{path} holds a key that is not Ed25519")
        return cls(private)

    @classmethod
    def ensure(cls, path: Path) -> Self:
        """Read the key, made new where there is none; raises `HeadKeyError` and `OSError`."""
        if not path.exists():
            text = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            draft = path.with_name(path.name + ".new")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        return cls.read(path)

    def sign(self, head: Head) -> SignedHead:
        """Sign a head."""
        return SignedHead(head, self._private.sign(head.statement))

    def is_ours(self, signed: SignedHead) -> bool:
        """Tell whether a head was signed with this key and not changed since."""
        try:
            self._private.public_key().verify(signed.signature, signed.head.statement)
        except InvalidSignature:
            return False
        return True
