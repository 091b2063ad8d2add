"""Security events on their way from a service to the audit daemon.

Used by every service that lets somebody in. Recording never waits and never fails: nobody's log-in
hangs on the daemon. While the daemon is away the oldest events are kept, as many as
`EVENTS_MAX`; those for which there is no room are counted, told in the service's own log, and
reported as an event of their own as soon as there is room. What the daemon has not acknowledged is
lost with a process that is killed: who must not act unrecorded waits for `drain` first.
"""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from audit.event_recorder import EventRecorder
from audit.outbox import OutboxShipper
from audit.security import SECURITY_STREAM
from protocol.messages import AppendSecurity
from service.credentials import Credential

EVENTS_MAX = 10_000
"""Events that may wait for the daemon."""


class SecurityRecorder(OutboxShipper, EventRecorder):
    """Ships the security events of one process in a stream of its own, in order, each once.

    :param name: the service's name, which each event bears.
    :param wall_ms: Unix ms now, to name the stream and to set the clock.
    """

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
        stream = f"{name}{SECURITY_STREAM}{wall_ms()}"
        OutboxShipper.__init__(
            self, clock, endpoint, credential, stream, wall_ms, random, events_max, AppendSecurity
        )
        EventRecorder.__init__(self, name, self._steady.now_ms)
