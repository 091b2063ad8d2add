"""Command ids: 128 bits, in order of time, never the same twice.

Used by the driver and by any client. The time comes first because the journal's index takes ids in
order much more cheaply than at random.
"""

from collections.abc import Callable


class CommandIds:
    """A source of ids.

    :param wall_ms: Unix ms now.
    :param run: random bytes that set this source apart from all others.
    """

    RUN_BYTES = 6

    def __init__(self, wall_ms: Callable[[], int], run: bytes) -> None:
        assert len(run) == self.RUN_BYTES
        self._wall_ms = wall_ms
        self._run = run
        self._made = 0

    def next(self) -> bytes:
        """Make an id: 6 bytes of time, 4 of a counter, 6 of this run's own."""
        self._made += 1
        return (
            self._wall_ms().to_bytes(6, "big")
            + (self._made & 0xFFFF_FFFF).to_bytes(4, "big")
            + self._run
        )
