"""The chain of hashes over the rows of the log: each row is bound to the one before it.

Pure; used by `audit.database` and by who verifies. Whoever changes, takes out, adds or moves a row
changes every digest from there on.
"""

import hashlib
from enum import StrEnum

import msgspec
from msgspec import Struct

_pack = msgspec.msgpack.Encoder().encode


class RowKind(StrEnum):
    """What a row of the chain keeps."""

    BATCH = "batch"
    SECURITY = "security"


class Link(Struct, frozen=True, gc=False):
    """How far the chain goes.

    :ivar number: of the newest row, counted from 1 in the order of arrival.
    :ivar digest: SHA-256 over everything up to it.
    """

    number: int
    digest: bytes

    def followed_by(self, kind: RowKind, stream: str, first_number: int, content: bytes) -> "Link":
        """The link of the next row, whose `content` is exactly what is stored."""
        heading = _pack((self.number + 1, kind, stream, first_number, len(content)))
        digest = hashlib.sha256(self.digest)
        digest.update(heading)
        digest.update(content)
        return Link(self.number + 1, digest.digest())


def first_link(log_id: bytes) -> Link:
    """Where the chain of a log begins; no two logs have a link in common."""
    return Link(0, hashlib.sha256(b"daytrade audit log " + log_id).digest())
