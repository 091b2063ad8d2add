"""Which prices are fetched anew before they lapse, and how early: a policy by class of symbol.

Pure; used by the caches of nodes. docs/adr/0009 tells what each class costs and gains, measured.
Only a command that asks in the last seconds of a price has the next one fetched: no demand, no hit.
"""

from collections.abc import Callable

PAUSE_S = 1.0
"""If the next price cannot be had it is not asked for again sooner than this."""

RESTLESS_BP = 100
"""A price that moved by as many basis points since the one before counts for twice as many asks:
who waits for it has more to lose.
"""

JITTER_S = 0.375
WARM_ASKS = 3
HOT_ASKS = 10
WARM_LEAD_S = 1.125
HOT_LEAD_S = 4.125

AHEAD_S_MAX = HOT_LEAD_S + JITTER_S
"""Nothing is fetched ahead while the price that is held has longer than this."""


class AheadPolicy:
    """Three classes of symbols: cold ones are fetched when somebody must wait for them, warm and
    hot ones ahead.

    The quote server answers within 26 ms or at whole seconds, up to four: the warm lead hides all
    but the slowest 14 %, the hot one all of them.

    :param random: numbers from 0 to 1, for the jitter.
    :param warm_asks: asked for this often while one price is held, a symbol is warm: it is likely
        to be asked for after it.
    :param hot_asks: asked for this often it is hot: somebody waits whenever its price is away.
    :param jitter_s: it is up to this much earlier, so that symbols that came together do not lapse
        together.
    """

    def __init__(
        self,
        random: Callable[[], float],
        *,
        warm_asks: int = WARM_ASKS,
        hot_asks: int = HOT_ASKS,
        warm_lead_s: float = WARM_LEAD_S,
        hot_lead_s: float = HOT_LEAD_S,
        jitter_s: float = JITTER_S,
    ) -> None:
        self._random = random
        self._warm_asks = warm_asks
        self._hot_asks = hot_asks
        self._warm_lead_s = warm_lead_s
        self._hot_lead_s = hot_lead_s
        self._jitter_s = jitter_s
        self.early_s_max = hot_lead_s + jitter_s

    def lead_s(self, asks: int, moved_bp: int) -> float:
        """How long before its lapse the price of a symbol is fetched anew, jitter apart; 0: not.

        :param asks: how often it was asked for since its price came.
        :param moved_bp: how far that price had moved from the one before, in basis points.
        """
        weight = asks * 2 if moved_bp >= RESTLESS_BP else asks
        if weight >= self._hot_asks:
            return self._hot_lead_s
        return self._warm_lead_s if weight >= self._warm_asks else 0.0

    def jitter_s(self) -> float:
        """How much earlier it is for one price."""
        return self._random() * self._jitter_s


def moved_bp(before_cents: int, after_cents: int) -> int:
    """How far a price has moved, in basis points of what it was, rounded down."""
    return abs(after_cents - before_cents) * 10_000 // before_cents
