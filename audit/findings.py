"""What can be wrong with an audit log.

May be imported by everyone above `ledger`.
"""

from enum import StrEnum

from msgspec import Struct


class FindingKind(StrEnum):
    """What can be wrong."""

    MISSING_ENTRY = "an entry of a stream is missing"
    MISSING_DECISION = "a decision about a user is missing"
    DOUBLED_DECISION = "a decision about a user is there twice"
    TIME_WENT_BACK = "an entry is older than the one before it"
    WRONG_HIT = "a hit is not told exactly once"
    WRONG_MONEY = "money in the log and in the ledger differs"
    WRONG_SHARES = "shares in the log and in the ledger differ"
    INVALID_XML = "the text is no audit log"
    DAMAGED_FILE = "the log's file is damaged"
    BROKEN_CHAIN = "a row of the log is not the one that was stored"
    WRONG_INDEX = "what the log's file says of its rows is wrong"
    WRONG_HEAD = "a signed head does not fit the log"
    WRONG_JOURNAL = "an entry in the log and in the journal differs"
    WRONG_ACCOUNT = "an account is not what its decisions make of it"


class Finding(Struct, frozen=True):
    """Something wrong; `where` is the stream, user or hit, `what` the figures."""

    kind: FindingKind
    where: str
    what: str
