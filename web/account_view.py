"""An account as the trading page shows it: what it holds, what that is worth, what waits.

Pure but for asking prices and costs that were seen. Money is cents.
"""

from typing import Any

from msgspec import Struct

from protocol.messages import HistoryLine, OrderLine, Summary, TriggerLine
from web.gains import CostBasis
from web.histories import History
from web.prices import Prices

RECENT_MAX = 12


class HoldingView(Struct, frozen=True):
    """Shares free to sell; value and gain are None where no price or cost is known."""

    symbol: str
    shares: int
    price_cents: int | None
    seen_ms: int
    value_cents: int | None
    gain_cents: int | None


class AccountView(Struct, frozen=True):
    """Everything that changes on the trading page."""

    user: str
    seq: int
    exists: bool
    cash_cents: int
    reserve_cents: int
    value_cents: int
    gain_cents: int | None
    holdings: list[HoldingView]
    orders: list[OrderLine]
    triggers: list[TriggerLine]
    recent: list[HistoryLine]

    @property
    def total_cents(self) -> int:
        """Cash, reserve, and shares as far as their price is known."""
        return self.cash_cents + self.reserve_cents + self.value_cents

    @property
    def symbols(self) -> set[str]:
        """The stocks whose prices matter here."""
        lines: list[Any] = [*self.holdings, *self.orders, *self.triggers]
        return {line.symbol for line in lines}


def view_account(user: str, summary: Summary, prices: Prices, history: History) -> AccountView:
    """Put a summary together with prices and costs."""
    holdings = [
        _holding(line.symbol, line.shares, prices, history.costs) for line in summary.holdings
    ]
    gains = [holding.gain_cents for holding in holdings if holding.gain_cents is not None]
    return AccountView(
        user,
        summary.seq,
        summary.exists,
        summary.cash_cents,
        summary.reserve_cents,
        sum(holding.value_cents or 0 for holding in holdings),
        sum(gains) if gains else None,
        holdings,
        summary.orders[::-1],
        summary.triggers,
        list(history.lines)[: -RECENT_MAX - 1 : -1],
    )


def _holding(symbol: str, shares: int, prices: Prices, costs: CostBasis) -> HoldingView:
    seen = prices.last(symbol)
    if seen is None:
        return HoldingView(symbol, shares, None, 0, None, None)
    value_cents = shares * seen.price_cents
    cost_cents = costs.cost_cents(symbol, shares)
    gain_cents = None if cost_cents is None else value_cents - cost_cents
    return HoldingView(symbol, shares, seen.price_cents, seen.at_ms, value_cents, gain_cents)
