"""Command ids: 128 bits, in order of time, never the same twice.

Used by the driver and by any client. The time comes first because the journal's index takes ids in
order much more cheaply than at random.
"""

from collections.abc import Callable

_UUID_VARIANT = 0x8000
"""Marks the ninth byte as every UUID has it; the protocol reserves another mark for the system."""


def marked_counter(made: int) -> int:
    """The 32 bits of a counter, with a UUID's mark among them."""
    return (made >> 14 & 0xFFFF) << 16 | _UUID_VARIANT | made & 0x3FFF


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
        """Make an id: 6 bytes of time, 4 of a counter with a UUID's mark, 6 of the run's own."""
        self._made += 1
        counter = marked_counter(self._made)
        return self._wall_ms().to_bytes(6, "big") + counter.to_bytes(4, "big") + self._run
