"""Writing to the ledger what prices and the clock bring about.

Used by the trigger service. One transaction at a time; each locks the accounts it changes, so that
a trigger that was fired, cancelled or set anew meanwhile is seen as it is.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from ledger.account import Account
from ledger.entry import Cause, Entry, decode_entry
from ledger.rules import fire, lapse, record_hit
from ledger.store import CommandKnown, Store, Stream, TriggerName
from protocol.quote import Quote
from service.time import SteadyClock

USERS_PER_TRANSACTION = 50


class Firing:
    """The one writer of the trigger service's stream.

    :param ship: takes the committed entries on to the audit daemon.
    :ivar fired: how many triggers have fired since the start.
    """

    log = Logger()

    def __init__(
        self, store: Store, steady: SteadyClock, ship: Callable[[int, list[bytes]], None]
    ) -> None:
        self._store = store
        self._steady = steady
        self._ship = ship
        self._lock = DeferredLock()
        self.stream: Stream | None = None
        self.fired = 0

    async def fire(self, names: Sequence[TriggerName], quote: Quote) -> None:
        """Let triggers of one symbol fire at a price that meets them.

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
        for start in range(0, len(users), USERS_PER_TRANSACTION):
            await self._settle(users[start : start + USERS_PER_TRANSACTION], decide)

    async def lapse(self, users: Sequence[str]) -> None:
        """Let the overdue orders of users lapse; raises as `fire` does."""
        await self._settle(users, lambda account: lapse(account, self._now_ms(account)))

    async def record_hit(self, quote: Quote, transaction_num: int) -> None:
        """Write down a price that was asked for in nobody's command; raises as `fire` does."""

        def decide(account: Account) -> list[Entry]:
            return [record_hit(account, quote, transaction_num, self._now_ms(account))]

        # A price that is looked at again was written down before.
        with suppress(CommandKnown):
            await self._settle([""], decide)

    def _now_ms(self, account: Account) -> int:
        self._steady.not_before(account.decided_ms)
        return self._steady.now_ms()

    async def _settle(self, users: Sequence[str], decide: Callable[[Account], list[Entry]]) -> None:
        await self._lock.acquire()
        try:
            assert self.stream is not None, "the stream was not opened"
            first_number = self.stream.last_number + 1
            encoded = await self._store.settle(self.stream, users, decide)
        finally:
            self._lock.release()
        if encoded:
            self._ship(first_number, encoded)
            self._count(encoded)

    def _count(self, encoded: list[bytes]) -> None:
        for entry in map(decode_entry, encoded):
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
