"""The audit daemon's own security events, straight into its file.

Used by `twistd_plugins.trade_audit`: who logs in to the daemon, and what operators ask of it. While
the file cannot be written the oldest events are kept in memory, and tried again.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from audit.event_recorder import EventRecorder
from audit.security import SECURITY_STREAM
from audit.security_recorder import EVENTS_MAX
from audit.store import Store
from protocol.errors import TradeError
from service.time import SteadyClock

RETRY_S = 1.0
"""The pause after the file could not be written."""

_POLL_S = 0.05


class OwnRecorder(EventRecorder):
    """Appends the events of the daemon's process to the store, in a stream of its own.

    :param store: is open before `start`, and until after `stop`.
    :param wall_ms: Unix ms now, to name the stream and to set the clock.
    """

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        store: Store,
        wall_ms: Callable[[], int],
        events_max: int = EVENTS_MAX,
    ) -> None:
        self._steady = SteadyClock(clock, wall_ms())
        super().__init__(name, self._steady.now_ms)
        self._clock = clock
        self._store = store
        self._wall_ms = wall_ms
        self._events_max = events_max
        self._stream = f"{name}{SECURITY_STREAM}{wall_ms()}"
        self._stored = 0
        self._held: list[bytes] = []
        self._is_writing = False
        self._is_started = False

    def start(self) -> None:
        """Begin to write."""
        # Until the reactor runs, its clock may still be exchanged for the monotonic one.
        self._steady.set(self._wall_ms())
        self._is_started = True
        self._write_soon()

    @property
    def has_room(self) -> bool:
        """See `EventRecorder`."""
        return len(self._held) < self._events_max

    def offer(self, encoded: bytes) -> bool:
        """See `EventRecorder`."""
        if not self.has_room:
            return False
        self._held.append(encoded)
        self._write_soon()
        return True

    def _write_soon(self) -> None:
        if self._is_started and not self._is_writing and self._held:
            self._is_writing = True
            writing = Deferred.fromCoroutine(self._write())
            writing.addErrback(
                lambda failure: self.log.failure("security events are not written", failure)
            )
            writing.addBoth(self._written)

    def _written(self, _result: object) -> None:
        self._is_writing = False

    async def _write(self) -> None:
        while self._held and self._is_started:
            held = list(self._held)
            try:
                self._stored = await self._store.append(self._stream, self._stored + 1, held)
            except TradeError as trouble:
                self.log.error("security events wait: {why}", why=str(trouble))
                await deferLater(self._clock, RETRY_S)
            else:
                del self._held[: len(held)]

    async def drain(self) -> None:
        """See `EventRecorder`."""
        while self._held:
            await deferLater(self._clock, _POLL_S)

    async def stop(self) -> None:
        """See `EventRecorder`."""
        self._is_started = False
