"""When a run used prices, as its journal entries tell: what the fewest hits are counted from.

Pure; used by the checks after a run (SPEC section 1, "Quotes").
"""

from collections import defaultdict
from collections.abc import Iterable

from ledger.account import TriggerName
from ledger.entry import Cause, Entry
from ledger.trigger_changes import changed_trigger
from protocol.messages import SetBuyTrigger, SetSellTrigger

_ARMING = (SetBuyTrigger.KIND, SetSellTrigger.KIND)
_KEEPS_ARMED = "SET_BUY_AMOUNT"


class PriceUses:
    """Collects the uses of prices; entries of one user come in their order.

    :ivar uses_ms: for each symbol, when a price decided or was shown.
    """

    def __init__(self) -> None:
        self.uses_ms: dict[str, list[int]] = defaultdict(list)
        self._armed_since_ms: dict[TriggerName, int] = {}
        self._spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._last_ms = 0

    def take(self, entry: Entry) -> None:
        """Take in the next entry."""
        self._last_ms = max(self._last_ms, entry.decided_ms)
        if entry.quote is not None and entry.cause is not Cause.HIT:
            self.uses_ms[entry.quote.symbol].append(entry.decided_ms)
        name = changed_trigger(entry)
        if name is None or entry.name == _KEEPS_ARMED:
            return
        since_ms = self._armed_since_ms.pop(name, None)
        if since_ms is not None:
            self._spans[name.symbol].append((since_ms, entry.decided_ms))
        if entry.kind in _ARMING and entry.cause is Cause.COMMAND:
            self._armed_since_ms[name] = entry.decided_ms

    def armed_ms(self) -> dict[str, Iterable[tuple[int, int]]]:
        """For each symbol, the spans in which a trigger was armed; open ones end with the run."""
        spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for symbol, closed in self._spans.items():
            spans[symbol] += closed
        for name, since_ms in self._armed_since_ms.items():
            spans[name.symbol].append((since_ms, self._last_ms))
        return dict(spans)
