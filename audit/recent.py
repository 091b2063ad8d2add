"""The newest entries of a stream, as many as memory is allowed for.

Used by `audit.shipper`. The entries held are contiguous and end with the newest; what is not held
is in the journal.
"""

from collections.abc import Iterable
from itertools import islice


class RecentEntries:
    """Encoded entries by number.

    :ivar last_number: the newest entry, held or not; 0 before the first.
    :ivar held_bytes: the size of what is held.
    """

    __slots__ = ("_bytes_max", "_entries", "_first_number", "held_bytes", "last_number")

    def __init__(self, bytes_max: int) -> None:
        self._entries: list[bytes] = []
        self._first_number = 1
        self._bytes_max = bytes_max
        self.last_number = 0
        self.held_bytes = 0

    def add(self, first_number: int, entries: list[bytes]) -> None:
        """Take the entries that follow; let go of the oldest where it is too much.

        Numbers may be left out, and then all that was held is let go; they never come twice.
        """
        assert first_number > self.last_number, f"entry {first_number} came before"
        if first_number > self.last_number + 1:
            self.forget(self.last_number)
            self._first_number = first_number
        self._entries += entries
        self.last_number = first_number + len(entries) - 1
        self.held_bytes += sum(map(len, entries))
        bytes_over = self.held_bytes - self._bytes_max
        count_over = 0
        while bytes_over > 0:
            bytes_over -= len(self._entries[count_over])
            count_over += 1
        self.forget(self._first_number + count_over - 1)

    def forget(self, number: int) -> None:
        """Let go of everything up to this number."""
        count = min(number, self.last_number) - self._first_number + 1
        if count > 0:
            self.held_bytes -= sum(map(len, self._entries[:count]))
            del self._entries[:count]
            self._first_number += count

    def after(self, number: int, bytes_max: int) -> list[bytes]:
        """The entries that follow `number`, up to so many bytes but at least one; empty where the
        next one is not held.
        """
        if number + 1 < self._first_number:
            return []
        return leading(islice(self._entries, number + 1 - self._first_number, None), bytes_max)


def leading(entries: Iterable[bytes], bytes_max: int) -> list[bytes]:
    """The first of these entries, up to so many bytes, but at least one if there is one."""
    taken: list[bytes] = []
    for entry in entries:
        bytes_max -= len(entry)
        if taken and bytes_max < 0:
            break
        taken.append(entry)
    return taken
