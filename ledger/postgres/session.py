"""One connection to Postgres that is thrown away at the first doubt, and a small pool of them.

Used by `ledger.postgres`, and by `audit` for the log's heads. txpostgres never recovers a broken
connection and a query to a frozen backend never returns, so each question has a deadline, and after
any trouble but a plain SQL error the connection is closed. A question is never cancelled: whether
it was carried out would be unknown.
"""

import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg2
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from txpostgres import txpostgres

from ledger.store import OutcomeUnknown, StoreUnavailable

Rows = list[tuple[Any, ...]]
Parameters = Sequence[object] | None
T = TypeVar("T")

QUESTION_S_MAX = 30.0
CONNECT_S_MAX = 5.0
SEND_BYTES = 1 << 20
"""A batch of the largest size, and more."""

LOST = (psycopg2.OperationalError, psycopg2.InterfaceError)
"""What psycopg2 raises when the connection, or the server behind it, is in trouble."""


_SOCKET_GONE = (OSError, ValueError, KeyError)
"""What a reactor raises about a socket that libpq has closed behind its back, or about a new one
of the same number while it still takes it for the old one.
"""


def widen(descriptor: int) -> None:
    """Let a whole batch leave at once through a socket, if the system's limits allow.

    Else the rest waits for a turn of the reactor, and Postgres waits for the rest.
    """
    with socket.socket(fileno=os.dup(descriptor)) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)


class _Connection(txpostgres.Connection):
    """A connection that closes itself when the server ends it while nothing is asked."""

    def doRead(self) -> None:
        try:
            super().doRead()
        except (*LOST, *_SOCKET_GONE):
            self.close()

    def close(self) -> None:
        for forget in (self.reactor.removeReader, self.reactor.removeWriter):
            with suppress(*_SOCKET_GONE):
                forget(self)
        super().close()


class Session:
    """One connection. After `OutcomeUnknown` it is closed and of no more use."""

    log = Logger()

    def __init__(self, reactor: IReactorTime, connection: txpostgres.Connection) -> None:
        self._reactor = reactor
        self._connection = connection
        self._is_thrown_away = False

    @property
    def is_closed(self) -> bool:
        """Whether we threw the connection away, or the server ended it."""
        connection = self._connection.pollable()
        return self._is_thrown_away or (connection is not None and connection.closed != 0)

    @classmethod
    async def open(cls, reactor: IReactorTime, dsn: str, *settings: str) -> "Session":
        """Connect, and apply settings like `SET jit = off`; raises `StoreUnavailable`."""
        connection = _Connection(reactor=reactor)
        session = cls(reactor, connection)
        try:
            await session._within(CONNECT_S_MAX, connection.connect(dsn))
            widen(connection.fileno())
            for setting in settings:
                await session.run(setting)
        except (*LOST, *_SOCKET_GONE, OutcomeUnknown) as error:
            session.close()
            raise StoreUnavailable(_first_line(error)) from None
        return session

    async def query(self, sql: str, parameters: Parameters = None) -> Rows:
        """Ask one question and return its rows.

        Raises psycopg2's own errors where the SQL was refused and nothing was changed, and
        `OutcomeUnknown` for everything else.
        """
        rows: Rows = await self._ask(self._connection.runQuery, sql, parameters)
        return rows

    async def run(self, sql: str) -> None:
        """Like `query`, for statements that return no rows."""
        await self._ask(self._connection.runOperation, sql, None)

    async def _ask(
        self, ask: Callable[..., Deferred[Any]], sql: str, parameters: Parameters
    ) -> Any:
        if self.is_closed:
            raise OutcomeUnknown("the connection is closed")
        try:
            return await self._within(QUESTION_S_MAX, ask(sql, parameters))
        except LOST as error:
            self.close()
            raise OutcomeUnknown(_first_line(error)) from None
        except psycopg2.Error:
            raise
        except Exception as error:
            self.close()
            raise OutcomeUnknown(_first_line(error)) from error

    async def _within(self, limit_s: float, answer: Deferred[T]) -> T:
        """Wait for an answer, but close the connection when the limit has passed.

        A second Deferred is waited for, because a txpostgres one must not be cancelled.
        """
        waiter: Deferred[T] = Deferred()
        call = self._reactor.callLater(limit_s, self._time_out, waiter, limit_s)
        answer.addBoth(lambda result: None if waiter.called else waiter.callback(result))
        try:
            return await waiter
        finally:
            if call.active():
                call.cancel()

    def _time_out(self, waiter: Deferred[Any], limit_s: float) -> None:
        waiter.errback(OutcomeUnknown(f"Postgres did not answer within {limit_s:.0f} s"))
        self.close()

    def add_listener(self, listener: Callable[[Any], None]) -> None:
        """Call `listener` with each notification that this connection gets."""
        self._connection.addNotifyObserver(listener)

    def close(self) -> None:
        """Throw the connection away."""
        if not self._is_thrown_away:
            self._is_thrown_away = True
            if self._connection.pollable() is not None:
                self._connection.close()


class Pool:
    """A few connections for questions that may run side by side."""

    def __init__(self, reactor: IReactorTime, dsn: str, size: int) -> None:
        self._reactor = reactor
        self._dsn = dsn
        self._slots = [_Slot() for _ in range(size)]
        self._next = 0

    async def use(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run `work` with a connection of its own, opened again if it broke."""
        slot = min(self._slots, key=lambda slot: len(slot.lock.waiting) + slot.lock.locked)
        await slot.lock.acquire()
        try:
            if slot.session is None or slot.session.is_closed:
                slot.session = await Session.open(self._reactor, self._dsn)
            return await work(slot.session)
        finally:
            slot.lock.release()

    async def query(self, sql: str, *parameters: object) -> Rows:
        """Ask a question that changes nothing; raises `StoreUnavailable`."""
        try:
            return await self.use(lambda session: session.query(sql, parameters))
        except OutcomeUnknown as error:
            raise StoreUnavailable(str(error)) from None

    def close(self) -> None:
        """Close all connections."""
        for slot in self._slots:
            if slot.session is not None:
                slot.session.close()


class _Slot:
    """A place in the pool: its connection, and the order in which it is used."""

    __slots__ = ("lock", "session")

    def __init__(self) -> None:
        self.lock = DeferredLock()
        self.session: Session | None = None


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
