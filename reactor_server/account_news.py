"""Telling clients what changes in the accounts they watch, whichever process wrote it.

Used by the node. What this node commits is told from its batches; what trigger services and other
nodes write is announced by them, and read from the journal. Announcements may be lost, so every few
seconds the watched accounts are looked at. Invariant: a watcher is told each entry once and in
order, or that it must look again, never nothing.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ledger.entry import decode_entry
from ledger.store import AccountsAnnounced, Listening, Store, StoreUnavailable
from ledger.writes import AccountWrite
from protocol.errors import Code
from protocol.messages import Error, WatchingAccount
from reactor_server.watched_account import WatchedAccount
from service.server import Link

LOOK_EVERY_S = 2.0
"""How often the watched accounts are looked at, and other nodes are told which they are."""

WANTED_FOR_S = 10.0
"""For how long an account counts as watched at another node after the last word of that."""

WATCHES_MAX = 10_000
"""Accounts that one link may watch."""


class AccountNews:
    """The accounts that are watched at one node.

    :param name: the node's.
    :ivar on_changed_elsewhere: called with a user whose account another process has changed.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, name: str, store: Store) -> None:
        self._clock = clock
        self._name = name
        self._store = store
        self._watched: dict[str, WatchedAccount] = {}
        self._users: dict[Link, set[str]] = {}
        self._wanted_until_s: dict[str, float] = {}
        self._to_announce: dict[str, int] = {}
        self._is_announcing = False
        self._listening: Listening | None = None
        self._going_on: set[Deferred[None]] = set()
        self._loop = LoopingCall(self._start, self._look)
        self._loop.clock = clock
        self.on_changed_elsewhere: Callable[[str], None] = lambda _user: None

    def start(self) -> None:
        """Begin to listen and to look."""
        self._loop.start(LOOK_EVERY_S)

    def close(self) -> None:
        """Tell and read nothing more."""
        if self._loop.running:
            self._loop.stop()
        for watched in self._watched.values():
            watched.close()
        for going_on in list(self._going_on):
            going_on.cancel()

    # Who watches.

    def watch(self, link: Link, request_id: bytes, user: str) -> None:
        """Let a link watch an account: it is answered once it will miss nothing more."""
        users = self._users.setdefault(link, set())
        if user not in users and len(users) >= WATCHES_MAX:
            refusal = f"one connection may watch {WATCHES_MAX} accounts: let go of some first"
            link.reply(request_id, Error(Code.TOO_MANY_WATCHES, refusal))
            return
        users.add(user)
        watched = self._watched.get(user)
        if watched is None:
            watched = self._watched[user] = WatchedAccount(self._store, user)
            self._start(lambda: self._store.announce_watched(self._name, [user]))
        watched.add(link, request_id)

    def unwatch(self, link: Link, request_id: bytes, user: str) -> None:
        """Let a link watch an account no more."""
        self._users.get(link, set()).discard(user)
        self._remove(link, user)
        link.reply(request_id, WatchingAccount(user, False))

    def link_lost(self, link: Link) -> None:
        """Nobody is at the other end to be told."""
        for user in self._users.pop(link, ()):
            self._remove(link, user)

    def _remove(self, link: Link, user: str) -> None:
        watched = self._watched.get(user)
        if watched is not None:
            watched.remove(link)
            if not watched.is_watched:
                del self._watched[user]

    def congestion_changed(self, link: Link) -> None:
        """Tell a link that reads again what it has missed."""
        if not link.is_congested:
            for user in self._users.get(link, ()):
                self._watched[user].reads_again(link)

    # What changes here.

    def committed(self, writes: Mapping[str, AccountWrite]) -> None:
        """Tell what is durable now: here at once, and at other nodes where they want to know."""
        if not self._watched and not self._wanted_until_s:
            return
        for user, write in writes.items():
            if write.lines and user in self._watched:
                self._watched[user].take(decode_entry(line.encoded) for line in write.lines)
            if write.lines and user in self._wanted_until_s:
                self._to_announce[user] = write.lines[-1].seq
        if self._to_announce and not self._is_announcing:
            self._start(self._announce)

    async def _announce(self) -> None:
        self._is_announcing = True
        try:
            while self._to_announce:
                seqs, self._to_announce = self._to_announce, {}
                await self._store.announce_changed(self._name, seqs)
        finally:
            self._is_announcing = False

    # What changes elsewhere.

    def seen(self, user: str, seq: int) -> None:
        """An account was read, and is as new as this."""
        watched = self._watched.get(user)
        if watched is not None:
            watched.seen(seq)

    def _announced(self, announced: AccountsAnnounced) -> None:
        if announced.by == self._name:
            return
        for user, seq in announced.changed.items():
            self.on_changed_elsewhere(user)
            self.seen(user, seq)
        for user in announced.watched:
            self._wanted_until_s[user] = self._clock.seconds() + WANTED_FOR_S

    async def _look(self) -> None:
        now_s = self._clock.seconds()
        for user in [user for user, until_s in self._wanted_until_s.items() if until_s < now_s]:
            del self._wanted_until_s[user]
        if self._listening is None or self._listening.is_closed:
            self._listening = await self._store.listen_accounts(self._announced)
        if self._watched:
            users = list(self._watched)
            await self._store.announce_watched(self._name, users)
            for user, seq in (await self._store.seqs(users)).items():
                self.seen(user, seq)

    # Trouble.

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> Deferred[None]:
        going_on = Deferred.fromCoroutine(work())
        self._going_on.add(going_on)
        going_on.addErrback(self._failed)
        going_on.addBoth(lambda _result: self._going_on.discard(going_on))
        return going_on

    def _failed(self, failure: Failure) -> None:
        """Nothing is lost: the next look finds what was not announced."""
        if failure.check(StoreUnavailable) is not None:
            self.log.warn("watched accounts: {why}", why=failure.getErrorMessage())
        elif failure.check(CancelledError) is None:
            self.log.failure("watched accounts", failure)
