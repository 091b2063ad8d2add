"""How fast a port takes new connections.

Used by `service.daemon`. Twisted accepts a hundred connections and more in one turn of the loop,
and in a flood whoever is connected already waits for that. Here few are accepted in one turn, at a
pace; the others wait in the kernel, where they cost nothing.
"""

from typing import Any, Protocol

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from service.figures import Figure
from service.limits import Rate, TokenBucket

PER_TURN_MAX = 8
"""Connections that are accepted in one turn of the loop: well under a millisecond's work."""

VAIN_S = 0.1
"""The pause after nobody could be taken. A port that has no files left closes whoever comes, and
would do so, and log it, as fast as the processor goes.
"""


class AcceptingPort(Protocol):
    """What is asked of the port; see `twisted.internet.tcp.Port`.

    :ivar numberAccepts: connections to accept in one `doRead`.
    :ivar sessionno: connections accepted so far.
    """

    numberAccepts: int
    sessionno: int

    def fileno(self) -> int:
        """The descriptor that is readable while somebody waits."""

    def doRead(self) -> None:
        """Accept."""

    def stopReading(self) -> None:
        """Look for new connections no more."""

    def connectionLost(self, reason: Failure) -> None:
        """The descriptor is of no use any more."""

    def logPrefix(self) -> str:
        """What stands in the log before what happens here."""


@implementer(IReadDescriptor)
class Intake:
    """Reads a listening port in the reactor's place.

    :ivar held_s: the seconds in all in which new connections had to wait for their turn.
    """

    def __init__(self, reactor: Any, pace: Rate) -> None:
        self._reactor = reactor
        self._pace = pace
        self._port: AcceptingPort | None = None
        self._wait: Any = None
        self.held_s = 0.0

    def open(self, port: AcceptingPort) -> None:
        """Accept from now on; the port listens already."""
        self._port = port
        # Not before: the reactor's clock may be exchanged while a daemon is put together.
        self._bucket = TokenBucket(self._reactor, self._pace)
        port.stopReading()
        self._reactor.addReader(self)

    def close(self) -> None:
        """Accept no more, if ever it did; the port itself is the caller's to close."""
        if self._port is None:
            return
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None
        self._reactor.removeReader(self)

    # What the reactor asks of a descriptor.

    def fileno(self) -> int:
        """The port's."""
        assert self._port is not None
        return self._port.fileno()

    def logPrefix(self) -> str:
        """The port's."""
        assert self._port is not None
        return self._port.logPrefix()

    def connectionLost(self, reason: Failure) -> None:
        """The port's descriptor is broken."""
        assert self._port is not None
        self.close()
        self._port.connectionLost(reason)

    def doRead(self) -> None:
        """Accept some of those that wait."""
        port = self._port
        assert port is not None
        before = port.sessionno
        port.numberAccepts = max(1, min(PER_TURN_MAX, int(self._bucket.left)))
        port.doRead()
        taken = port.sessionno - before
        self._bucket.spend(taken)
        if not taken:
            self._hold(VAIN_S)
        elif self._bucket.left < 1.0:
            self._hold(self._bucket.wait_s(PER_TURN_MAX))

    def _hold(self, wait_s: float) -> None:
        self._reactor.removeReader(self)
        self.held_s += wait_s
        self._wait = self._reactor.callLater(wait_s, self._go_on)

    def _go_on(self) -> None:
        self._wait = None
        self._reactor.addReader(self)


def intake_figures(intake: Intake | None) -> list[Figure]:
    """The figures of how one port takes new connections; none where it takes all as they come."""
    if intake is None:
        return []
    return [
        Figure("counter", "daytrade_connections_held_seconds",
               "Time in which new connections had to wait for their turn.",
               lambda: intake.held_s),
    ]  # fmt: skip
