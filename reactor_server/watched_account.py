"""One account that clients of a node watch: what they are told, and what is read to tell it.

Used by `reactor_server.account_news`. A link that does not read is not written to: once it reads
again it is told to look again, once, whatever has happened meanwhile.
"""

from collections.abc import Iterable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ledger.account import Account
from ledger.entry import Entry
from ledger.store import Store, StoreUnavailable
from protocol.messages import AccountChanged, Error, WatchingAccount
from reactor_server.account_tail import AccountTail
from service.server import Link
from service.wire import internal_error

CATCH_UP_MAX = 100
"""Entries read from the journal at one time; who is behind by more must look again."""


class WatchedAccount:
    """The links that watch an account, and how far they were told."""

    log = Logger()

    def __init__(self, store: Store, user: str) -> None:
        self._store = store
        self._user = user
        self._tail: AccountTail | None = None
        self._newest_seq = 0
        self._opening: dict[Link, bytes] = {}
        self._links: dict[Link, bytes] = {}
        self._unread: set[Link] = set()
        self._reading: Deferred[None] | None = None

    # Who watches.

    @property
    def is_watched(self) -> bool:
        """Somebody watches, or waits to."""
        return bool(self._links or self._opening)

    def add(self, link: Link, request_id: bytes) -> None:
        """Tell a link each entry from now on, under this id; an earlier id of it ends."""
        if self._tail is not None:
            self._begin(link, request_id, self._tail)
            return
        self.remove(link)
        self._opening[link] = request_id
        self._read()

    def _begin(self, link: Link, request_id: bytes, tail: AccountTail) -> None:
        self._links[link] = request_id
        self._unread.discard(link)
        link.reply(request_id, WatchingAccount(self._user, True, tail.seq))

    def remove(self, link: Link) -> None:
        """Tell a link nothing more; one that still waits to watch is told so."""
        self._links.pop(link, None)
        self._unread.discard(link)
        request_id = self._opening.pop(link, None)
        if request_id is not None:
            link.reply(request_id, WatchingAccount(self._user, False))

    def reads_again(self, link: Link) -> None:
        """A link has read what was waiting for it: it is told, once, if it has missed anything."""
        if link in self._unread and self._tail is not None:
            self._unread.discard(link)
            link.push(self._links[link], self._tail.look_again())

    # What there is to tell.

    def take(self, entries: Iterable[Entry]) -> None:
        """Tell entries that are durable."""
        for entry in entries:
            self._newest_seq = max(self._newest_seq, entry.seq)
            if self._tail is not None:
                self._tell(self._tail.take(entry))
        self._catch_up()

    def seen(self, seq: int) -> None:
        """The journal has an entry of this number: tell it, unless it was told."""
        self._newest_seq = max(self._newest_seq, seq)
        self._catch_up()

    def _tell(self, changed: AccountChanged | None) -> None:
        if changed is None:
            return
        for link, request_id in self._links.items():
            if link.is_congested:
                self._unread.add(link)
            else:
                link.push(request_id, changed)

    def _catch_up(self) -> None:
        if self._tail is not None and self._tail.seq < self._newest_seq:
            self._read()

    # Reading what others wrote.

    def _read(self) -> None:
        if self._reading is None:
            self._reading = reading = Deferred.fromCoroutine(self._read_on())
            reading.addErrback(self._not_read)
            reading.addCallback(self._have_read)
            if reading.called:
                self._reading = None

    def _have_read(self, _result: None) -> None:
        self._reading = None

    async def _read_on(self) -> None:
        if self._tail is None:
            self._tail = AccountTail(await self._account())
            opening, self._opening = self._opening, {}
            for link, request_id in opening.items():
                self._begin(link, request_id, self._tail)
        while (behind := self._newest_seq - self._tail.seq) > 0:
            if behind > CATCH_UP_MAX:
                self._tail.skip_to(await self._account())
                self._tell(self._tail.look_again())
            else:
                await self._read_entries(self._tail, behind)

    async def _account(self) -> Account:
        return (await self._store.load([self._user]))[self._user]

    async def _read_entries(self, tail: AccountTail, behind: int) -> None:
        before_seq = self._newest_seq + 1
        entries = await self._store.history(self._user, before_seq, behind)
        for entry in reversed(entries):
            self._tell(tail.take(entry))
        if not entries:
            # Whoever spoke of newer ones was wrong: there is nothing to wait for.
            self._newest_seq = tail.seq

    def _not_read(self, failure: Failure) -> None:
        """What is missing is read at the next look; who waits to watch is told to come again."""
        if failure.check(CancelledError) is not None:
            return
        reason = failure.value
        if isinstance(reason, StoreUnavailable):
            self.log.warn("{user} cannot be read: {why}", user=self._user, why=str(reason))
            refusal = Error(reason.code, reason.message)
        else:
            self.log.failure("{user} cannot be watched", failure, user=self._user)
            refusal = Error(*internal_error("the account could not be read"))
        opening, self._opening = self._opening, {}
        for link, request_id in opening.items():
            link.reply(request_id, refusal)

    def close(self) -> None:
        """Read nothing more."""
        if self._reading is not None:
            self._reading.cancel()
