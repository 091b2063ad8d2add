"""The book of heads in Postgres, beside the ledger and apart from the log's file.

Used by the audit daemon and by who verifies or restores.
"""

from typing import Any

from twisted.internet.interfaces import IReactorTime

from audit.chain import Link
from audit.heads import Head, SignedHead
from ledger.postgres.session import Pool

_COLUMNS = "SELECT log_id, number, digest, at_ms, signature FROM audit_head"


class PostgresHeads:
    """See `audit.heads.HeadBook`."""

    def __init__(self, reactor: IReactorTime, dsn: str) -> None:
        self._pool = Pool(reactor, dsn, 1)

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    async def put(self, signed: SignedHead) -> None:
        head = signed.head
        await self._pool.query(
            "INSERT INTO audit_head (log_id, number, digest, at_ms, signature)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING number",
            *(head.log_id, head.link.number, head.link.digest, head.at_ms, signed.signature),
        )

    async def newest(self, log_id: bytes | None = None) -> SignedHead | None:
        rows = await self._pool.query(
            f"{_COLUMNS} WHERE %s::bytea IS NULL OR log_id = %s ORDER BY at_ms DESC, number DESC"
            " LIMIT 1",
            *(log_id, log_id),
        )
        return _head(rows[0]) if rows else None

    async def heads_after(self, log_id: bytes, number: int, limit: int) -> list[SignedHead]:
        rows = await self._pool.query(
            f"{_COLUMNS} WHERE log_id = %s AND number > %s ORDER BY number LIMIT %s",
            *(log_id, number, limit),
        )
        return [_head(row) for row in rows]


def _head(row: tuple[Any, ...]) -> SignedHead:
    log_id, number, digest, at_ms, signature = row
    head = Head(bytes(log_id), Link(number, bytes(digest)), at_ms)
    return SignedHead(head, bytes(signature))
