"""The book of armed triggers: which of them does a price meet?

Pure. For each symbol the triggers are kept in order of price on each side, and in order of age, so
that a new price, and a question for the oldest, cost what fires, not what waits.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

from ledger.account import Side, TriggerName
from ledger.store import ArmedTrigger

_Row = tuple[int, str]
"""Price in cents, user."""

_Age = tuple[int, str, Side]
"""When it was armed, user, side."""


class _Symbol:
    """The triggers of one symbol."""

    __slots__ = ("by_age", "by_price")

    def __init__(self) -> None:
        self.by_price: dict[Side, list[_Row]] = {Side.BUY: [], Side.SELL: []}
        self.by_age: list[_Age] = []


class TriggerBook:
    """All armed triggers that we know of; each user has at most one for a symbol and side."""

    def __init__(self) -> None:
        self._armed: dict[TriggerName, ArmedTrigger] = {}
        self._symbols: dict[str, _Symbol] = {}
        self._unchecked: list[TriggerName] = []

    def __len__(self) -> int:
        return len(self._armed)

    def symbols(self) -> Iterable[str]:
        """The stocks whose prices are needed."""
        return self._symbols.keys()

    def arm(self, trigger: ArmedTrigger) -> None:
        """Take up a trigger, in place of an earlier one of the same name."""
        name = TriggerName(trigger.user, trigger.side, trigger.symbol)
        self.disarm(name)
        self._armed[name] = trigger
        symbol = self._symbols.get(trigger.symbol)
        if symbol is None:
            symbol = self._symbols[trigger.symbol] = _Symbol()
        insort(symbol.by_price[trigger.side], (trigger.price_cents, trigger.user))
        insort(symbol.by_age, _age(trigger))

    def disarm(self, name: TriggerName) -> None:
        """Forget a trigger, if we know of it."""
        trigger = self._armed.pop(name, None)
        if trigger is None:
            return
        symbol = self._symbols[name.symbol]
        rows = symbol.by_price[name.side]
        del rows[bisect_left(rows, (trigger.price_cents, trigger.user))]
        del symbol.by_age[bisect_left(symbol.by_age, _age(trigger))]
        if not symbol.by_age:
            del self._symbols[name.symbol]

    def replace_all(self, triggers: Iterable[ArmedTrigger]) -> None:
        """Know these triggers and no others."""
        self._armed.clear()
        self._symbols.clear()
        for trigger in triggers:
            self.arm(trigger)

    def met(self, symbol: str, price_cents: int) -> list[TriggerName]:
        """The triggers that fire at this price: buys at it or above, sells at it or below."""
        armed = self._symbols.get(symbol)
        if armed is None:
            return []
        buys = armed.by_price[Side.BUY]
        sells = armed.by_price[Side.SELL]
        met_buys = buys[bisect_left(buys, (price_cents, "")) :]
        met_sells = sells[: bisect_right(sells, (price_cents, _AFTER_ALL_USERS))]
        return [TriggerName(user, Side.BUY, symbol) for _, user in met_buys] + [
            TriggerName(user, Side.SELL, symbol) for _, user in met_sells
        ]

    def oldest(self, symbol: str) -> ArmedTrigger | None:
        """The trigger that was armed first: in its user's name the price is asked for."""
        armed = self._symbols.get(symbol)
        if armed is None:
            return None
        _, user, side = armed.by_age[0]
        return self._armed[TriggerName(user, side, symbol)]

    def next_to_check(self, count: int) -> list[TriggerName]:
        """Up to so many triggers, other ones each time until it was the turn of all."""
        if not self._unchecked:
            self._unchecked = list(self._armed)
        names = [name for name in self._unchecked[-count:] if name in self._armed]
        del self._unchecked[-count:]
        return names


def _age(trigger: ArmedTrigger) -> _Age:
    return trigger.armed_ms, trigger.user, trigger.side


_AFTER_ALL_USERS = "\x7f"
"""Sorts behind every user name."""
