"""A store of the node under test: held, lost, away or slow when the test says so.

For the tests of `reactor_server` only. What a commit writes is fixed when it is asked for, as a
statement on its way to Postgres is, however long it is held.
"""

import copy
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto

from twisted.internet.defer import Deferred

from ledger.account import Account
from ledger.entry import Entry
from ledger.memory_store import MemoryLedger, MemoryStore, copy_account
from ledger.store import Committed, OutcomeUnknown, Position, StoreUnavailable, Stream
from ledger.writes import AccountWrite
from tests.ledger.teller import entries_in


class Fate(Enum):
    """What becomes of a commit: written, lost before it was, or written without an answer."""

    WRITTEN = auto()
    LOST = auto()
    UNSEEN = auto()


class Gate:
    """Lets questions pass, or keeps them until it is opened."""

    def __init__(self) -> None:
        self._kept: list[Deferred[None]] = []
        self._is_shut = False

    def shut(self) -> None:
        """Keep what comes from now on."""
        self._is_shut = True

    def open(self) -> None:
        """Let everything pass, what was kept first."""
        self._is_shut = False
        kept, self._kept = self._kept, []
        for each in kept:
            each.callback(None)

    def open_once(self) -> None:
        """Let the oldest that was kept pass."""
        self._kept.pop(0).callback(None)

    @property
    def kept(self) -> int:
        """How many wait."""
        return len(self._kept)

    async def passed(self) -> None:
        """Wait until the gate is open."""
        if self._is_shut:
            self._kept.append(Deferred())
            await self._kept[-1]


async def _at_once() -> None:
    return None


class UnsteadyStore(MemoryStore):
    """See `ledger.store.Store`.

    :ivar batches: the commits that were asked for: the users, with the entries of each.
    :ivar loads: the users of each `load`.
    :ivar calls: how often each other question was asked.
    :ivar conflicts: users who were refused because somebody else had come first.
    :ivar in_doubt: commits that were lost, or written unseen.
    :ivar fates: what becomes of the next commits; the rest is written.
    :ivar is_away: nothing can be asked.
    :ivar trouble: raised by the next commit.
    :ivar latency: awaited by every question, by that for the time on the way back too.
    """

    def __init__(self, ledger: MemoryLedger) -> None:
        super().__init__(ledger)
        self.commits = Gate()
        self.loading = Gate()
        self.reading = Gate()
        self.batches: list[dict[str, list[Entry]]] = []
        self.loads: list[list[str]] = []
        self.calls: Counter[str] = Counter()
        self.conflicts = 0
        self.in_doubt = 0
        self.fates: list[Fate] = []
        self.is_away = False
        self.trouble: Exception | None = None
        self.latency: Callable[[], Awaitable[None]] = _at_once

    async def _ask(self, what: str) -> None:
        self.calls[what] += 1
        await self.latency()
        if self.is_away:
            raise StoreUnavailable("it is away")

    async def commit(self, stream: Stream, writes: Sequence[AccountWrite]) -> Committed:
        leaving = [_copy_of(write) for write in writes]
        self.batches.append({write.account.user: entries_in(write) for write in leaving})
        fate = self.fates.pop(0) if self.fates else Fate.WRITTEN
        await self.commits.passed()
        await self._ask("commit")
        trouble, self.trouble = self.trouble, None
        if trouble is not None:
            raise trouble
        if fate is Fate.WRITTEN:
            committed = await super().commit(stream, leaving)
            self.conflicts += len(committed.conflicted)
            return committed
        self.in_doubt += 1
        if fate is Fate.UNSEEN:
            await super().commit(copy.copy(stream), leaving)
        raise OutcomeUnknown("no answer")

    async def load(self, users: Sequence[str]) -> dict[str, Account]:
        self.loads.append(list(users))
        await self.loading.passed()
        await self._ask("load")
        return await super().load(users)

    async def now_ms(self) -> int:
        await self._ask("now_ms")
        now_ms = await super().now_ms()
        await self.latency()
        return now_ms

    async def open_stream(self, name: str) -> Stream:
        await self._ask("open_stream")
        return await super().open_stream(name)

    async def entries_by_id(self, command_ids: Sequence[bytes]) -> dict[bytes, Entry]:
        await self._ask("entries_by_id")
        return await super().entries_by_id(command_ids)

    async def history(self, user: str, before_seq: int, limit: int) -> list[Entry]:
        await self.reading.passed()
        await self._ask("history")
        return await super().history(user, before_seq, limit)

    async def positions(self) -> dict[str, Position]:
        await self.reading.passed()
        await self._ask("positions")
        return await super().positions()


def _copy_of(write: AccountWrite) -> AccountWrite:
    leaving = AccountWrite(copy_account(write.account), write.expected_seq)
    leaving.lines = list(write.lines)
    leaving.symbols = write.symbols
    leaving.triggers = write.triggers
    leaving.has_new_pending = write.has_new_pending
    return leaving
