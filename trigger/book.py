"""The book of armed triggers: which of them does a price meet?

Pure. For each symbol and side the triggers are kept in order of price, so that a new price costs
what fires, not what waits.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

from ledger.account import Side
from ledger.store import ArmedTrigger, TriggerName

_Row = tuple[int, str]
"""Price in cents, user."""


class TriggerBook:
    """All armed triggers that we know of; each user has at most one for a symbol and side."""

    def __init__(self) -> None:
        self._armed: dict[TriggerName, ArmedTrigger] = {}
        self._rows: dict[str, dict[Side, list[_Row]]] = {}

    def __len__(self) -> int:
        return len(self._armed)

    def symbols(self) -> Iterable[str]:
        """The stocks whose prices are needed."""
        return self._rows.keys()

    def arm(self, trigger: ArmedTrigger) -> None:
        """Take up a trigger, in place of an earlier one of the same name."""
        name = TriggerName(trigger.user, trigger.side, trigger.symbol)
        self.disarm(name)
        self._armed[name] = trigger
        sides = self._rows.setdefault(trigger.symbol, {Side.BUY: [], Side.SELL: []})
        insort(sides[trigger.side], (trigger.price_cents, trigger.user))

    def disarm(self, name: TriggerName) -> None:
        """Forget a trigger, if we know of it."""
        trigger = self._armed.pop(name, None)
        if trigger is None:
            return
        sides = self._rows[name.symbol]
        rows = sides[name.side]
        del rows[bisect_left(rows, (trigger.price_cents, trigger.user))]
        if not sides[Side.BUY] and not sides[Side.SELL]:
            del self._rows[name.symbol]

    def replace_all(self, triggers: Iterable[ArmedTrigger]) -> None:
        """Know these triggers and no others."""
        self._armed.clear()
        self._rows.clear()
        for trigger in triggers:
            self.arm(trigger)

    def met(self, symbol: str, price_cents: int) -> list[TriggerName]:
        """The triggers that fire at this price: buys at it or above, sells at it or below."""
        sides = self._rows.get(symbol)
        if sides is None:
            return []
        buys = sides[Side.BUY]
        sells = sides[Side.SELL]
        met_buys = buys[bisect_left(buys, (price_cents, "")) :]
        met_sells = sells[: bisect_right(sells, (price_cents, _AFTER_ALL_USERS))]
        return [TriggerName(user, Side.BUY, symbol) for _, user in met_buys] + [
            TriggerName(user, Side.SELL, symbol) for _, user in met_sells
        ]

    def oldest(self, symbol: str) -> ArmedTrigger | None:
        """The trigger that was armed first: in its user's name the price is asked for."""
        sides = self._rows.get(symbol)
        if sides is None:
            return None
        names = (
            TriggerName(user, side, symbol) for side, rows in sides.items() for _, user in rows
        )
        return min(
            (self._armed[name] for name in names),
            key=lambda trigger: (trigger.armed_ms, trigger.user),
        )


_AFTER_ALL_USERS = "\x7f"
"""Sorts behind every user name."""
