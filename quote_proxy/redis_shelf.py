"""A shelf in Redis, which several proxies may share.

Used by `twistd_plugins.trade_quotes`, and imported only where Redis is asked for: txredisapi takes
the global reactor, and is an extra (`pip install daytrade[redis]`).
"""

from typing import Any

import msgspec
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger
from txredisapi import RedisError, RedisFactory

from protocol.quote import Quote

REPLY_S_MAX = 0.25
"""A Redis that takes longer is passed over: the quote server is not much slower."""

_KEY = "daytrade:quote:{}"


class RedisShelf:
    """See `quote_proxy.shelf.Shelf`. It connects by itself, again and again."""

    log = Logger()

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint
        self._factory: Any = RedisFactory(
            None, None, 1, isLazy=True, charset=None, replyTimeout=REPLY_S_MAX, convertNumbers=False
        )

    @property
    def is_away(self) -> bool:
        """There is no connection now."""
        return bool(self._factory.size == 0)

    async def start(self) -> None:
        """Begin to connect."""
        self._factory.startConnecting(self._endpoint)

    async def stop(self) -> None:
        """Let go of Redis."""
        await self._factory.disconnect()

    async def take(self, symbol: str) -> Quote | None:
        """See `Shelf`."""
        if self.is_away:
            return None
        try:
            encoded = await self._factory.handler.get(_KEY.format(symbol).encode())
            return None if encoded is None else msgspec.msgpack.decode(encoded, type=Quote)
        except (RedisError, msgspec.MsgspecError) as error:
            self.log.warn("the shelf cannot be read: {why}", why=str(error))
            return None

    async def put(self, quote: Quote, ttl_ms: int) -> None:
        """See `Shelf`."""
        if self.is_away:
            return
        try:
            key = _KEY.format(quote.symbol).encode()
            await self._factory.handler.set(key, msgspec.msgpack.encode(quote), pexpire=ttl_ms)
        except RedisError as error:
            self.log.warn("a price cannot be put on the shelf: {why}", why=str(error))
