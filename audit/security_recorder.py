"""Security events on their way from a service to the audit daemon.

Used by every service that lets somebody in. Recording never waits and never fails: nobody's log-in
hangs on the daemon. While the daemon is away the oldest events are kept, as many as
`EVENTS_MAX`; those for which there is no room are counted, told in the service's own log, and
reported as an event of their own as soon as there is room. What the daemon has not acknowledged is
lost with a process that is killed: who must not act unrecorded waits for `drain` first.
"""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from audit.outbox import OutboxShipper
from audit.security import (
    DETAIL_MAX,
    SECURITY_STREAM,
    Outcome,
    SecurityEvent,
    encode_event,
    escaped,
)
from protocol.messages import AppendSecurity
from service.credentials import Credential

EVENTS_MAX = 10_000
"""Events that may wait for the daemon."""


class SecurityRecorder(OutboxShipper):
    """Ships the security events of one process in a stream of its own, in order, each once.

    :param name: the service's name, which each event bears.
    :param wall_ms: Unix ms now, to name the stream and to set the clock.
    :ivar dropped: events for which there was no room, not reported yet.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        endpoint: IStreamClientEndpoint,
        credential: Credential,
        wall_ms: Callable[[], int],
        random: Callable[[], float],
        events_max: int = EVENTS_MAX,
    ) -> None:
        self._name = name
        self.dropped = 0
        stream = f"{name}{SECURITY_STREAM}{wall_ms()}"
        super().__init__(
            clock, endpoint, credential, stream, wall_ms, random, events_max, AppendSecurity
        )

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
            self._steady.now_ms(),
            escaped(self._name),
            escaped(actor),
            escaped(role),
            escaped(action),
            escaped(origin),
            outcome,
            escaped(detail, DETAIL_MAX),
        )
