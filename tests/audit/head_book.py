"""A book of heads in memory, for the tests of signing and verifying."""

from audit.heads import SignedHead
from protocol.errors import Code, TradeError


class MemoryHeads:
    """See `audit.heads.HeadBook`.

    :ivar is_away: the book cannot be reached.
    """

    def __init__(self) -> None:
        self.heads: list[SignedHead] = []
        self.is_away = False

    async def put(self, signed: SignedHead) -> None:
        if self.is_away:
            raise TradeError(Code.STORE_UNAVAILABLE, "the book is away")
        self.heads.append(signed)

    async def newest(self, log_id: bytes | None = None) -> SignedHead | None:
        if self.is_away:
            raise TradeError(Code.STORE_UNAVAILABLE, "the book is away")
        of_log = [each for each in self.heads if log_id in (None, each.head.log_id)]
        return max(of_log, key=lambda each: (each.head.at_ms, each.head.link.number), default=None)

    async def heads_after(self, log_id: bytes, number: int, limit: int) -> list[SignedHead]:
        of_log = [each for each in self.heads if each.head.log_id == log_id]
        later = [each for each in of_log if each.head.link.number > number]
        return sorted(later, key=lambda each: each.head.link.number)[:limit]
