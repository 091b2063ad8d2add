"""How often the legacy server's double was called, and how soon after one another for one symbol.

For the double: during an outage nobody may call it more than once a second for a symbol. Calls are
counted whether they are answered or not.
"""


class CallLog:
    """The calls since the last `clear`.

    :ivar total: how many there were, those that were cut off before they said for what too.
    :ivar closest_s: the shortest time between two calls for one symbol; None while there is none.
    """

    __slots__ = ("_last_s", "closest_s", "total")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.total = 0
        self.closest_s: float | None = None
        self._last_s: dict[str, float] = {}

    def note(self, symbol: str, now_s: float) -> None:
        """Take in one call; an empty symbol is one that was not said."""
        self.total += 1
        last_s = self._last_s.get(symbol)
        self._last_s[symbol] = now_s
        if symbol and last_s is not None:
            gap_s = now_s - last_s
            self.closest_s = gap_s if self.closest_s is None else min(self.closest_s, gap_s)
