"""What a wire port counts.

Used by `service.server` and `twistd_plugins`.
"""

from collections import Counter
from collections.abc import Sized
from typing import Protocol

from service.figures import Figure


class WireCounters:
    """What happened at one port since the start.

    :ivar dropped: connections that we ended, by why.
    """

    __slots__ = ("dropped", "log_ins_refused", "logged_in", "opened")

    def __init__(self) -> None:
        self.opened = 0
        self.logged_in = 0
        self.log_ins_refused = 0
        self.dropped: Counter[str] = Counter()


class Port(Protocol):
    """What is asked of a port; see `service.server.WireServerFactory`."""

    counters: WireCounters
    is_draining: bool

    @property
    def protocols(self) -> Sized:
        """The clients that are connected now."""

    @property
    def outstanding(self) -> int:
        """Requests of all clients that wait for their answer."""


def server_figures(port: Port) -> list[Figure]:
    """The figures of one port for clients."""
    counters = port.counters
    return [
        Figure("gauge", "daytrade_connections", "Clients that are connected.",
               lambda: len(port.protocols)),
        Figure("gauge", "daytrade_requests_outstanding", "Requests that wait for an answer.",
               lambda: port.outstanding),
        Figure("gauge", "daytrade_draining", "1 while no new requests are taken.",
               lambda: int(port.is_draining)),
        Figure("counter", "daytrade_connections_opened", "Connections that were accepted.",
               lambda: counters.opened),
        Figure("counter", "daytrade_log_ins", "Log-ins, by how they ended.",
               lambda: {"accepted": counters.logged_in, "refused": counters.log_ins_refused},
               "outcome"),
        Figure("counter", "daytrade_clients_dropped", "Connections that we ended, by why.",
               lambda: dict(counters.dropped), "reason"),
    ]  # fmt: skip
