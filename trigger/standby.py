"""One of several trigger services is active; the others stand by.

Used by `twistd_plugins.trade_triggers`. The active one renews a lease in the store; when it has
died or frozen the lease runs out and a standby takes over. What keeps two from writing is not the
lease but the stream, which the new one opens: an old one that comes back is fenced and ends.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ledger.store import Store, StoreUnavailable

LEASE_TTL_MS = 1_500
RENEW_EVERY_S = 0.4
"""A service that has died is replaced within about two seconds."""


class Standby:
    """Waits for its turn, and keeps it.

    :param holder: a name that no other process has.
    :param on_active: awaited once the lease is ours; may raise `StoreUnavailable` to be asked
        again.
    :param on_lost: called when somebody else has taken the lease.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        store: Store,
        lease: str,
        holder: str,
        on_active: Callable[[], Awaitable[None]],
        on_lost: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._store = store
        self._lease = lease
        self._holder = holder
        self._on_active = on_active
        self._on_lost = on_lost
        self._keeping: Deferred[Any] | None = None
        self.is_active = False

    async def start(self) -> None:
        """Begin to wait; the service is active some time later, or never."""
        self._keeping = Deferred.fromCoroutine(self._keep())
        self._keeping.addErrback(self._broken)

    async def _keep(self) -> None:
        while True:
            try:
                is_ours = await self._store.claim_lease(self._lease, self._holder, LEASE_TTL_MS)
                if is_ours and not self.is_active:
                    await self._on_active()
                    self.is_active = True
                    self.log.info("{holder} is active", holder=self._holder)
                elif self.is_active and not is_ours:
                    self._on_lost()
                    return
            except StoreUnavailable as trouble:
                self.log.warn("{holder}: {why}", holder=self._holder, why=str(trouble))
            await deferLater(self._clock, RENEW_EVERY_S)

    def _broken(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            self.log.failure("{holder} cannot stand by", failure, holder=self._holder)
            self._on_lost()

    async def stop(self) -> None:
        """Renew the lease no more; the next service takes over when it has run out."""
        if self._keeping is not None:
            self._keeping.cancel()
