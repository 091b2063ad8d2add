"""Prices that walk: what the legacy server's double quotes.

For the double, the oracle and tests. Invariant: a price is a pure function of seed, symbol and
time, in whole cents and without floats, so that every run and every machine sees the same one; any
moment costs the same, as nothing is summed up from a beginning.
"""

from hashlib import blake2b

from protocol.money import Cents

START_MIN_CENTS = 500
START_MAX_CENTS = 20_000
"""Between these a symbol has its middle, around which it walks."""

_SWINGS = ((1, 30), (6, 150), (60, 800), (720, 3000))
"""Period in steps and amplitude in basis points of each swing; together they stay below 40 %."""


def walked_price(seed: int, symbol: str, step: int) -> Cents:
    """Return the price of `symbol` at a step of the walk, between $3.01 and $279.60."""
    spread = START_MAX_CENTS - START_MIN_CENTS
    middle_cents = START_MIN_CENTS + _hashed(seed, symbol, 0, 0) % (spread + 1)
    offset = sum(_swing(seed, symbol, step, period, amplitude) for period, amplitude in _SWINGS)
    # Rounded to the lower cent.
    return Cents(middle_cents * (10_000 + offset) // 10_000)


def _swing(seed: int, symbol: str, step: int, period: int, amplitude: int) -> int:
    """Basis points at `step` on the straight line between two random points, a period apart."""
    index, into = divmod(step, period)
    before, after = (
        _hashed(seed, symbol, period, point) % (2 * amplitude + 1) - amplitude
        for point in (index, index + 1)
    )
    return before + (after - before) * into // period


def _hashed(seed: int, symbol: str, period: int, point: int) -> int:
    text = f"{seed} {symbol} {period} {point}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


class Prices:
    """The prices of one run: a walk per symbol, and what was pinned instead.

    :param step_s: seconds for which a price stays as it is.
    """

    __slots__ = ("_pinned", "_seed", "_step_ms")

    def __init__(self, seed: int, *, step_s: float = 10.0) -> None:
        self._seed = seed
        self._step_ms = max(1, round(step_s * 1000))
        self._pinned: dict[str, Cents] = {}

    def at(self, symbol: str, wall_ms: int) -> Cents:
        """Return the price of `symbol` at `wall_ms`, Unix ms."""
        pinned = self._pinned.get(symbol)
        if pinned is not None:
            return pinned
        return walked_price(self._seed, symbol, wall_ms // self._step_ms)

    def pin(self, symbol: str, price: Cents) -> None:
        """Hold the price of `symbol` until it is unpinned; raises ValueError unless above zero."""
        if price <= 0:
            raise ValueError("a price must be above zero")
        self._pinned[symbol] = price

    def unpin(self, symbol: str) -> None:
        """Let the price of `symbol` walk again; it may do so already."""
        self._pinned.pop(symbol, None)
