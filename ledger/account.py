"""One user's account as the rules see it: cash, reserve, holdings, pending orders, triggers.

Imports only `protocol`. All numbers are whole; nothing here is ever negative.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from protocol.fields import NO_ID

PENDING_TTL_MS = 60_000
"""A pending order may be committed until it is this old; exactly this old is still valid."""

PENDING_ORDERS_MAX = 1_000
"""Pending orders of one user and side; one more is refused."""

TRIGGERS_MAX = 8_000
"""Triggers of one user and side; one more is refused. With these, with all stocks held and with all
orders pending, a summary still fits a frame.
"""


class Side(StrEnum):
    """Which way an order or a trigger trades."""

    BUY = "buy"
    SELL = "sell"


BUY: Final = Side.BUY
SELL: Final = Side.SELL


class TriggerName(Struct, frozen=True, gc=False):
    """Which trigger: one user has at most one for a symbol and side."""

    user: str
    side: Side
    symbol: str


class PendingOrder(Struct, frozen=True, gc=False, array_like=True):
    """A BUY or SELL that waits for its COMMIT or CANCEL.

    :ivar order_id: the id of the command that placed it.
    """

    order_id: bytes
    transaction_num: int
    symbol: str
    shares: int
    price_cents: int
    decided_ms: int

    @property
    def total_cents(self) -> int:
        """What the shares cost, or bring, at the order's price."""
        return self.shares * self.price_cents

    @property
    def valid_until_ms(self) -> int:
        """The last moment to commit or cancel it."""
        return self.decided_ms + PENDING_TTL_MS


class Trigger(Struct, frozen=True, gc=False, array_like=True):
    """A standing order to trade when the price is right; armed while `price_cents` is not 0.

    :ivar amount_cents: buy: the money set aside; sell: how much to sell, nothing set aside.
    :ivar shares: sell, armed: the shares set aside.
    :ivar armed_by: the id of the command that armed it.
    :ivar transaction_num: that command's number.
    """

    side: Side
    symbol: str
    amount_cents: int
    price_cents: int = 0
    shares: int = 0
    armed_by: bytes = b""
    transaction_num: int = 0
    armed_ms: int = 0

    @property
    def is_armed(self) -> bool:
        """Whether a price can make it fire."""
        return self.price_cents > 0


class Account:
    """The state of one user, changed only by the rules.

    :ivar exists: False until the first ADD is accepted; refusals are journalled all the same.
    :ivar seq: the number of the user's newest journal entry; the version of this state.
    :ivar last_id: the command id of the newest entry that has joined a write.
    :ivar decided_ms: when that entry was decided; time never goes back for a user.
    :ivar reserve_cents: the money of pending buys and buy triggers.
    :ivar holdings: shares free to sell, by symbol.
    :ivar buys, sells: pending orders, newest last.
    :ivar lapse_check_ms: no pending order lapses before this; 0 where none pends.
    """

    __slots__ = (
        "buy_triggers",
        "buys",
        "cash_cents",
        "decided_ms",
        "exists",
        "holdings",
        "lapse_check_ms",
        "last_id",
        "reserve_cents",
        "sell_triggers",
        "sells",
        "seq",
        "user",
    )

    def __init__(self, user: str) -> None:
        self.user = user
        self.exists = False
        self.seq = 0
        self.last_id = NO_ID
        self.decided_ms = 0
        self.cash_cents = 0
        self.reserve_cents = 0
        self.holdings: dict[str, int] = {}
        self.buys: list[PendingOrder] = []
        self.sells: list[PendingOrder] = []
        self.buy_triggers: dict[str, Trigger] = {}
        self.sell_triggers: dict[str, Trigger] = {}
        self.lapse_check_ms = 0

    def triggers(self, side: Side) -> dict[str, Trigger]:
        """The triggers of one side, by symbol."""
        return self.buy_triggers if side is BUY else self.sell_triggers

    def orders(self, side: Side) -> list[PendingOrder]:
        """The pending orders of one side, newest last."""
        return self.buys if side is BUY else self.sells

    def reserved_shares(self, symbol: str) -> int:
        """Shares of a stock that pending sells and an armed sell trigger hold."""
        trigger = self.sell_triggers.get(symbol)
        held = 0 if trigger is None else trigger.shares
        return held + sum(order.shares for order in self.sells if order.symbol == symbol)

    def check(self) -> None:
        """Assert what must always hold of an account; a failure is a bug, never a user's doing."""
        assert self.cash_cents >= 0, f"cash of {self.user} is {self.cash_cents}"
        pending = sum(order.total_cents for order in self.buys)
        set_aside = sum(trigger.amount_cents for trigger in self.buy_triggers.values())
        assert self.reserve_cents == pending + set_aside, f"reserve of {self.user} does not add up"
        assert all(shares >= 0 for shares in self.holdings.values()), f"holdings of {self.user}"
