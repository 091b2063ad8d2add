"""Has the log's head signed again and again, and kept in a book outside of the log.

Used by the audit daemon. Signing never holds up appends: with the book out of reach the newest
head is signed once it is back. A log of which the book knows nothing, while it knows others, is
signed only if it says to follow the newest of those: else the file was exchanged.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from audit.heads import Head, HeadBook, HeadKey
from audit.store import Store
from protocol.errors import Code, TradeError

HEAD_S = 0.5
"""How long a stored row waits at most for a head that covers it."""


class Notary:
    """Signs the heads of one log.

    :param wall_ms: Unix ms now.
    :ivar signed_number: the newest row that a head in the book covers.
    :ivar trouble: why nothing is signed, empty while it is.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        store: Store,
        key: HeadKey,
        book: HeadBook,
        wall_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._key = key
        self._book = book
        self._wall_ms = wall_ms
        self._is_known = False
        self._looking = LoopingCall(lambda: Deferred.fromCoroutine(self._look()))
        self._looking.clock = clock
        self._looked: Deferred[LoopingCall] | None = None
        self.signed_number = 0
        self.trouble = ""

    async def start(self) -> None:
        """Begin to sign."""
        self._looked = self._looking.start(HEAD_S)

    async def stop(self) -> None:
        """Sign the last head, and then none."""
        if self._looked is not None:
            self._looking.stop()
            await self._looked
        await self._look()

    async def _look(self) -> None:
        """Sign what is new; nothing that goes wrong ends the looking."""
        try:
            if self._store.link.number and not self._is_known:
                await self._check_book()
            link = self._store.link
            if link.number <= self.signed_number:
                return
            head = Head(self._store.identity.log_id, link, self._wall_ms())
            await self._book.put(self._key.sign(head))
        except TradeError as refusal:
            self._tell(refusal.message)
        except Exception:
            self.log.failure("the log's head cannot be signed")
        else:
            self.signed_number = link.number
            self._tell("")

    async def _check_book(self) -> None:
        identity = self._store.identity
        newest = await self._book.newest(identity.log_id)
        if newest is None:
            other = await self._book.newest()
            if other is not None and other.head.log_id != identity.predecessor:
                raise _Exchanged("heads were signed of another log, and this one is not its heir")
        elif await self._store.link_at(newest.head.link.number) != newest.head.link:
            raise _Exchanged(f"row {newest.head.link.number} is not the one that was signed")
        else:
            self.signed_number = newest.head.link.number
        self._is_known = True

    def _tell(self, trouble: str) -> None:
        if trouble and not self.trouble:
            self.log.error("the log's heads are not signed: {trouble}", trouble=trouble)
        if self.trouble and not trouble:
            self.log.info("the log's heads are signed again")
        self.trouble = trouble


class _Exchanged(TradeError):
    """The file is not the log that was signed before."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            Code.INTERNAL, f"{reason}: put back the right file, or see `daytrade audit verify`"
        )
