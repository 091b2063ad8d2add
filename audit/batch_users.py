"""Whose entries a batch holds, small enough to be kept and looked through for every batch.

Pure; used by the log's file. A row for each user and batch would cost the daemon more than the
entries themselves; these are four bytes each, and a user's log looks at all of them.
"""

from array import array
from collections.abc import Iterable, Set
from zlib import crc32

_HASH = "I"


def user_hash(user: str) -> int:
    """What stands for a user."""
    return crc32(user.encode())


def pack_users(users: Iterable[str]) -> bytes:
    """The hashes of these names, in order."""
    return pack_hashes(set(map(user_hash, users)))


def pack_hashes(hashes: Set[int]) -> bytes:
    """These hashes of names, in order."""
    return array(_HASH, sorted(hashes)).tobytes()


def may_hold(packed: bytes, user: str) -> bool:
    """Tell whether entries of this user may be in the batch; seldom they are not after all."""
    hashes = array(_HASH)
    hashes.frombytes(packed)
    return user_hash(user) in hashes
