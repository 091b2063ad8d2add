"""One account as the oracle sees it: plain state, lapses, firings, a snapshot to compare.

Only the other oracle modules and their tests import this. It shares no code with the rules that the
nodes run, so that a misreading on either side shows. Invariant: what is reserved is never stored,
it is always added up from the pending orders and the triggers that hold it.
"""

from typing import Literal, TypedDict

from msgspec import Struct

Side = Literal["buy", "sell"]

ORDER_VALID_MS = 60_000
SUM_MAX = 2**63 - 1


class PendingOrder(Struct, frozen=True, gc=False):
    """A BUY or SELL that waits for its COMMIT or CANCEL."""

    side: Side
    symbol: str
    shares: int
    price_cents: int
    decided_ms: int

    @property
    def total_cents(self) -> int:
        """What the shares cost or bring at the order's own price."""
        return self.shares * self.price_cents

    @property
    def valid_until_ms(self) -> int:
        """The last moment at which the order can be committed."""
        return self.decided_ms + ORDER_VALID_MS


class Trigger(Struct, frozen=True, gc=False):
    """A SET_*_AMOUNT and what was made of it; armed once `price_cents` is above 0.

    A buy trigger holds `amount_cents` of reserve from the start; a sell trigger holds
    `reserved_shares` only while it is armed.
    """

    amount_cents: int
    price_cents: int = 0
    reserved_shares: int = 0


class Fired(Struct, frozen=True, gc=False):
    """What a firing traded, and what of the trigger's reserve went back."""

    side: Side
    symbol: str
    price_cents: int
    at_ms: int
    shares: int
    total_cents: int
    released_cents: int
    released_shares: int


class TriggerView(TypedDict):
    """A trigger in a snapshot; `shares` are those that an armed sell holds."""

    side: Side
    symbol: str
    amount_cents: int
    price_cents: int
    shares: int


class Snapshot(TypedDict):
    """An account as a plain dict; zeros are left out and pending orders come newest last."""

    exists: bool
    cash_cents: int
    reserve_cents: int
    holdings: dict[str, int]
    reserved_shares: dict[str, int]
    pending_buys: list[PendingOrder]
    pending_sells: list[PendingOrder]
    triggers: list[TriggerView]


class OracleAccount:
    """What one user owns, has pending and has set."""

    __slots__ = (
        "buy_triggers",
        "cash_cents",
        "holdings",
        "pending_buys",
        "pending_sells",
        "sell_triggers",
    )

    def __init__(self) -> None:
        self.cash_cents = 0
        self.holdings: dict[str, int] = {}
        self.pending_buys: list[PendingOrder] = []
        self.pending_sells: list[PendingOrder] = []
        self.buy_triggers: dict[str, Trigger] = {}
        self.sell_triggers: dict[str, Trigger] = {}

    def holding(self, symbol: str) -> int:
        """Count the shares that are free to sell."""
        return self.holdings.get(symbol, 0)

    def change_holding(self, symbol: str, shares: int) -> None:
        """Add to the free shares, or take from them where `shares` is negative."""
        self.holdings[symbol] = self.holding(symbol) + shares

    def reserve_cents(self) -> int:
        """Add up the money that pending buys and buy triggers hold."""
        held_by_orders = sum(order.total_cents for order in self.pending_buys)
        return held_by_orders + sum(trigger.amount_cents for trigger in self.buy_triggers.values())

    def reserved_shares(self, symbol: str) -> int:
        """Add up the shares that pending sells and the armed sell trigger hold."""
        shares = sum(order.shares for order in self.pending_sells if order.symbol == symbol)
        return shares + self.trigger_shares(symbol)

    def trigger_shares(self, symbol: str) -> int:
        """Count the shares that the sell trigger of this symbol holds."""
        trigger = self.sell_triggers.get(symbol)
        return trigger.reserved_shares if trigger is not None else 0

    def money_fits(self, cents: int) -> bool:
        """Tell whether cash and reserve may grow by `cents` (SPEC section 1, "Amount text")."""
        return self.cash_cents + self.reserve_cents() + cents <= SUM_MAX

    def shares_fit(self, symbol: str, shares: int) -> bool:
        """Tell whether the holding, with all that is reserved of it, may grow by `shares`."""
        return self.holding(symbol) + self.reserved_shares(symbol) + shares <= SUM_MAX

    def lapse(self, at_ms: int) -> list[PendingOrder]:
        """Give back what orders older than 60 s hold and return these orders, oldest first."""
        overdue = [
            order
            for order in self.pending_buys + self.pending_sells
            if at_ms - order.decided_ms > ORDER_VALID_MS
        ]
        for order in overdue:
            if order.side == "buy":
                self.pending_buys.remove(order)
                self.cash_cents += order.total_cents
            else:
                self.pending_sells.remove(order)
                self.change_holding(order.symbol, order.shares)
        return sorted(overdue, key=lambda order: order.decided_ms)

    def fire_buy(self, symbol: str, price_cents: int, at_ms: int) -> Fired | None:
        """Buy what the trigger's reserve pays for (SPEC section 1, "Firing"); None if it stays."""
        trigger = self.buy_triggers.get(symbol)
        if trigger is None or not 0 < price_cents <= trigger.price_cents:
            return None
        shares = trigger.amount_cents // price_cents
        if shares < 1 or not self.shares_fit(symbol, shares):
            return None
        cost_cents = shares * price_cents
        rest_cents = trigger.amount_cents - cost_cents
        del self.buy_triggers[symbol]
        self.change_holding(symbol, shares)
        self.cash_cents += rest_cents
        return Fired("buy", symbol, price_cents, at_ms, shares, cost_cents, rest_cents, 0)

    def fire_sell(self, symbol: str, price_cents: int, at_ms: int) -> Fired | None:
        """Sell for at most the trigger's amount (SPEC section 1, "Firing"); None if it stays."""
        trigger = self.sell_triggers.get(symbol)
        if trigger is None or not 0 < trigger.price_cents <= price_cents:
            return None
        shares = trigger.amount_cents // price_cents
        proceeds_cents = shares * price_cents
        if shares < 1 or not self.money_fits(proceeds_cents):
            return None
        rest_shares = trigger.reserved_shares - shares
        del self.sell_triggers[symbol]
        self.cash_cents += proceeds_cents
        self.change_holding(symbol, rest_shares)
        return Fired("sell", symbol, price_cents, at_ms, shares, proceeds_cents, 0, rest_shares)

    def snapshot(self) -> Snapshot:
        """Copy the account into a plain dict."""
        symbols = sorted({order.symbol for order in self.pending_sells} | set(self.sell_triggers))
        reserved = {symbol: self.reserved_shares(symbol) for symbol in symbols}
        return Snapshot(
            exists=True,
            cash_cents=self.cash_cents,
            reserve_cents=self.reserve_cents(),
            holdings={
                symbol: self.holdings[symbol] for symbol in self.holdings if self.holdings[symbol]
            },
            reserved_shares={symbol: reserved[symbol] for symbol in symbols if reserved[symbol]},
            pending_buys=list(self.pending_buys),
            pending_sells=list(self.pending_sells),
            triggers=_views("buy", self.buy_triggers) + _views("sell", self.sell_triggers),
        )


def _views(side: Side, triggers: dict[str, Trigger]) -> list[TriggerView]:
    return [
        TriggerView(
            side=side,
            symbol=symbol,
            amount_cents=triggers[symbol].amount_cents,
            price_cents=triggers[symbol].price_cents,
            shares=triggers[symbol].reserved_shares,
        )
        for symbol in sorted(triggers)
    ]
