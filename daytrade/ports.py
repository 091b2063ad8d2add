"""Free TCP ports for the servers of a local stack.

The stack's composition and tests may import this. Invariant: one `FreePorts` never hands out a port
twice, and never one of the range from which the kernel takes the ports of outgoing connections
(32768 and up), because a client socket in TIME_WAIT there would keep a server from listening.
"""

import random
import socket

from daytrade.errors import NoFreePort

LOOPBACK = "127.0.0.1"
PORT_MIN = 10_000
PORT_MAX = 32_000


class FreePorts:
    """Ports of 127.0.0.1 on which nobody listens.

    :param rng: where the search begins; stacks that start together should not try the same ports.
    :param first, last: the range to search, both included.
    """

    __slots__ = ("_candidates", "_range")

    def __init__(self, rng: random.Random, first: int = PORT_MIN, last: int = PORT_MAX) -> None:
        self._range = f"{first}-{last}"
        self._candidates = rng.sample(range(first, last + 1), last + 1 - first)

    def take(self) -> int:
        """Return one free port; raises `NoFreePort` when the range is used up.

        The port is free now, not reserved: whoever asked should listen on it soon.
        """
        while self._candidates:
            port = self._candidates.pop()
            if _is_free(port):
                return port
        raise NoFreePort(
            f"no TCP port of {LOOPBACK} in {self._range} is free; stop other servers on it first"
        )

    def take_many(self, count: int) -> list[int]:
        """Return `count` different free ports; raises `NoFreePort` when there are fewer."""
        return [self.take() for _ in range(count)]


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
