"""Makes security events of what services tell, and says so where there was no room for them.

Used by the two who record: over the wire (`audit.security_recorder`), and in the audit daemon
itself (`audit.own_recorder`). Recording never waits and never fails.
"""

from abc import abstractmethod
from collections.abc import Callable

from twisted.logger import Logger

from audit.security import DETAIL_MAX, Outcome, SecurityEvent, encode_event, escaped


class EventRecorder:
    """Records the events of one process, in order.

    :param name: the service's name, which each event bears.
    :param now_ms: Unix ms now.
    :ivar dropped: events for which there was no room, not reported yet.
    """

    log = Logger()

    def __init__(self, name: str, now_ms: Callable[[], int]) -> None:
        self._name = name
        self._now_ms = now_ms
        self.dropped = 0

    @property
    @abstractmethod
    def has_room(self) -> bool:
        """Whether one more event would be taken."""

    @abstractmethod
    def offer(self, encoded: bytes) -> bool:
        """Take one event; False where there is no room."""

    @abstractmethod
    def start(self) -> None:
        """Begin to hand on what is recorded."""

    @abstractmethod
    async def drain(self) -> None:
        """Wait until everything that was taken is durable; may be cancelled."""

    @abstractmethod
    async def stop(self) -> None:
        """Hand on no more."""

    def record(
        self,
        actor: str,
        action: str,
        outcome: Outcome,
        *,
        role: str = "",
        origin: str = "",
        detail: str = "",
    ) -> None:
        """Write down that `actor` did `action`, or tried; see `SecurityEvent` for what is what.

        Any text may be given: what is not printable is escaped, what is too long is cut.
        """
        event = self._event(actor, action, outcome, role, origin, detail)
        if self.dropped and self.has_room:
            self._report_dropped()
        if not self.offer(encode_event(event)):
            if not self.dropped:
                self.log.error("the security log has no room: events are dropped from now on")
            self.dropped += 1

    def _report_dropped(self) -> None:
        dropped, self.dropped = self.dropped, 0
        self.log.error("{dropped} events of the security log were dropped", dropped=dropped)
        detail = f"{dropped} events were dropped while the audit daemon was away"
        action = "drop security events"
        self.offer(encode_event(self._event("", action, Outcome.FAILED, "", "", detail)))

    def _event(
        self, actor: str, action: str, outcome: Outcome, role: str, origin: str, detail: str
    ) -> SecurityEvent:
        return SecurityEvent(
            self._now_ms(),
            escaped(self._name),
            escaped(actor),
            escaped(role),
            escaped(action),
            escaped(origin),
            outcome,
            escaped(detail, DETAIL_MAX),
        )
