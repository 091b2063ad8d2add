"""How long a symbol rests after the legacy server failed to give its price.

For the legacy client. The rest belongs to the symbol, not to one request: during an outage no
symbol is asked for more than once per `first_s`, however many requests come and go.
"""

from random import Random

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime


class _Setback(Struct, frozen=True, gc=False):
    failures: int
    rests_until_s: float


class SymbolBackoff:
    """Exponential rests with jitter, per symbol.

    It remembers each symbol that failed last time; there are 18,278 symbols at most.
    """

    __slots__ = ("_clock", "_first_s", "_longest_s", "_random", "_setbacks")

    def __init__(
        self, clock: IReactorTime, random: Random, *, first_s: float = 1.0, longest_s: float = 5.0
    ) -> None:
        self._clock = clock
        self._random = random
        self._first_s = first_s
        self._longest_s = longest_s
        self._setbacks: dict[str, _Setback] = {}

    def wait_s(self, symbol: str) -> float:
        """Return how many seconds from now the symbol may be asked for; 0.0 means at once."""
        setback = self._setbacks.get(symbol)
        return 0.0 if setback is None else max(0.0, setback.rests_until_s - self._clock.seconds())

    def failed(self, symbol: str) -> None:
        """Let the symbol rest, twice as long as after its previous failure in a row.

        The jitter only lengthens a rest, by up to half, so that `first_s` is kept as a minimum.
        """
        setback = self._setbacks.get(symbol)
        failures = 0 if setback is None else setback.failures
        rest_s = min(self._first_s * 2.0 ** min(failures, 16), self._longest_s)
        rest_s *= 1.0 + self._random.random() / 2.0
        self._setbacks[symbol] = _Setback(failures + 1, self._clock.seconds() + rest_s)

    def answered(self, symbol: str) -> None:
        """Forget the symbol's failures."""
        self._setbacks.pop(symbol, None)
