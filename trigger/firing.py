"""Writing to the ledger what prices and the clock bring about.

Used by the trigger service. One transaction at a time, on the version of the accounts that it
read, so that a trigger that was fired, cancelled or set anew meanwhile is seen as it is.
"""

from collections.abc import Callable, Sequence

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from audit.shipper import Shipping
from ledger.account import Account, TriggerName
from ledger.entry import Cause, Entry, decode_entry
from ledger.rules import fire, lapse
from ledger.store import OutcomeUnknown, Store, StoreUnavailable, Stream
from ledger.trigger_changes import changed_trigger
from protocol.quote import Quote
from service.time import SteadyClock

USERS_PER_TRANSACTION = 50


class Firing:
    """The one writer of the trigger service's stream.

    :ivar fired: how many triggers have fired since the start.
    """

    log = Logger()

    def __init__(
        self, store: Store, stream_name: str, steady: SteadyClock, shipping: Shipping
    ) -> None:
        self._store = store
        self._stream_name = stream_name
        self._steady = steady
        self._shipping = shipping
        self._lock = DeferredLock()
        self._stream: Stream | None = None
        self.fired = 0

    @property
    def is_open(self) -> bool:
        """The stream is ours, and how far it has come is known."""
        return self._stream is not None

    async def open(self) -> None:
        """Take the stream, whoever had it before; raises `StoreUnavailable`."""
        async with self._lock:
            self._stream = await self._opened()

    async def _opened(self) -> Stream:
        stream = await self._store.open_stream(self._stream_name)
        self._steady.not_before(stream.last_ms)
        self._shipping.advance_to(stream.last_number)
        return stream

    async def fire(self, names: Sequence[TriggerName], quote: Quote) -> set[TriggerName]:
        """Let triggers of one symbol fire at a price that meets them; returns those that did.

        Raises `Fenced`, `OutcomeUnknown`, `StoreUnavailable`.
        """
        sides: dict[str, list[TriggerName]] = {}
        for name in names:
            sides.setdefault(name.user, []).append(name)

        def decide(account: Account) -> list[Entry]:
            now_ms = self._now_ms(account)
            entries = lapse(account, now_ms)
            for name in sides[account.user]:
                entry = fire(account, name.side, name.symbol, quote, now_ms)
                if entry is not None:
                    entries.append(entry)
            return entries

        users = sorted(sides)
        fired: set[TriggerName] = set()
        for start in range(0, len(users), USERS_PER_TRANSACTION):
            entries = await self._settle(users[start : start + USERS_PER_TRANSACTION], decide)
            fired |= {
                gone
                for entry in entries
                if entry.cause is Cause.FIRING and (gone := changed_trigger(entry))
            }
        return fired

    async def lapse(self, users: Sequence[str]) -> None:
        """Let the overdue orders of users lapse; raises as `fire` does."""
        await self._settle(users, lambda account: lapse(account, self._now_ms(account)))

    def _now_ms(self, account: Account) -> int:
        return self._steady.now_ms(account.decided_ms)

    async def _settle(
        self, users: Sequence[str], decide: Callable[[Account], list[Entry]]
    ) -> list[Entry]:
        async with self._lock:
            if self._stream is None:
                self._stream = await self._opened()
            first_number = self._stream.last_number + 1
            try:
                encoded = await self._store.settle(self._stream, users, decide)
            except OutcomeUnknown:
                # Taken anew before the next write: only then it is known how far the stream is.
                self._stream = None
                raise
            if encoded:
                self._shipping.ship(first_number, encoded)
        entries = [decode_entry(entry) for entry in encoded]
        self._count(entries)
        await self._announce(entries)
        return entries

    async def _announce(self, entries: list[Entry]) -> None:
        """Let the nodes know: clients may watch these accounts."""
        seqs = {entry.user: entry.seq for entry in entries}
        if seqs:
            try:
                await self._store.announce_changed(self._stream_name, seqs)
            except StoreUnavailable as trouble:
                # Nodes look at the accounts that are watched from time to time.
                self.log.warn("changes not announced: {why}", why=str(trouble))

    def _count(self, entries: list[Entry]) -> None:
        for entry in entries:
            if entry.cause is Cause.FIRING:
                self.fired += 1
                self.log.info(
                    "{name} of {user} fired: {shares} {symbol} at {price_cents} cents",
                    name=entry.name,
                    user=entry.user,
                    shares=entry.shares,
                    symbol=entry.symbol,
                    price_cents=entry.price_cents,
                )
