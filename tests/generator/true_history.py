"""A day of one user worked out by hand, reply by reply, with a lapse and a firing in it.

The tests of the history check import this and spoil it. Invariant: every number here was reckoned
from SPEC section 1 by hand, none was taken from the oracle.
"""

from generator.history_check import Firing, Reply, UserHistory
from protocol.errors import Code
from protocol.messages import (
    Add,
    Buy,
    CancelSell,
    Command,
    CommitBuy,
    DisplaySummary,
    HistoryLine,
    HoldingLine,
    OrderLine,
    QuoteRequest,
    Receipt,
    Refused,
    Sell,
    SetBuyAmount,
    SetBuyTrigger,
    Summary,
    TriggerLine,
)

T_MS = 1_700_000_000_000
QUOTED_MS = T_MS - 60_000
"""Exactly as old as a price may be when the first BUY is decided."""

ADDED = 0
BOUGHT = 1
COMMITTED = 2
SOLD = 3
TOO_POOR = 4
ARMED = 6
AFTER_A_LAPSE = 7
SHOWN = 8
AFTER_A_FIRING = 9
SHOWN_LAST = 12
"""Where in the true history each exchange stands that the tests spoil."""


def true_history() -> UserHistory:
    """A day worked out by hand: 10.00 added, 3 shares bought, one SELL that lapses, one firing."""
    exchanges: list[tuple[Command, Reply]] = [
        (Add("u", 1, 1000), Receipt(1, T_MS, total_cents=1000)),
        (Buy("u", 2, "ABC", 700), Receipt(2, T_MS, 200, QUOTED_MS, 3, 600, T_MS + 60_000)),
        (CommitBuy("u", 3), Receipt(3, T_MS + 5, shares=3, total_cents=600)),
        (Sell("u", 4, "ABC", 300), Receipt(4, T_MS + 5, 150, T_MS, 2, 300, T_MS + 60_005)),
        (Buy("u", 5, "ABC", 401), Refused(Code.INSUFFICIENT_FUNDS, "", 5, T_MS + 6)),
        (SetBuyAmount("u", 6, "XYZ", 400), Receipt(6, T_MS + 7, total_cents=400)),
        (SetBuyTrigger("u", 7, "XYZ", 150), Receipt(7, T_MS + 8)),
        (CancelSell("u", 8), Refused(Code.NO_PENDING_SELL, "", 9, T_MS + 60_006)),
        (DisplaySummary("u", 9), shown_before_the_firing()),
        (
            QuoteRequest("u", 10, "Q"),
            Receipt(12, T_MS + 80_000, 5, T_MS + 79_000, 0, 0, T_MS + 139_000),
        ),
        (Buy("u", 11, "Q", 100), Refused(Code.QUOTE_UNAVAILABLE, "", 13, T_MS + 80_000)),
        (
            Buy("u", 12, "Q", 100),
            Receipt(14, T_MS + 80_001, 30, T_MS + 80_000, 3, 90, T_MS + 140_001),
        ),
        (DisplaySummary("u", 13), shown_at_the_end()),
    ]
    return UserHistory("u", exchanges, [Firing("buy", "XYZ", 150, T_MS + 70_000)])


def shown_before_the_firing() -> Summary:
    """3 shares again, as the SELL lapsed; 4.00 set aside at a trigger price of 1.50."""
    return Summary(
        seq=10,
        decided_ms=T_MS + 60_007,
        exists=True,
        cash_cents=0,
        reserve_cents=400,
        holdings=[HoldingLine("ABC", 3), HoldingLine("OLD", 0)],
        orders=[],
        triggers=[TriggerLine("buy", "XYZ", 400, 150, 0)],
        history=[HistoryLine(9, T_MS + 60_006, 8, "CANCEL_SELL", 4002, "", 0, 0, 0, 0)],
        history_before_seq=0,
    )


def shown_at_the_end() -> Summary:
    """2 shares of XYZ for 3.00, 1.00 back to cash, and 0.90 of it reserved for Q."""
    return Summary(
        seq=15,
        decided_ms=T_MS + 80_002,
        exists=True,
        cash_cents=10,
        reserve_cents=90,
        holdings=[HoldingLine("XYZ", 2), HoldingLine("ABC", 3)],
        orders=[OrderLine("buy", "Q", 3, 30, T_MS + 80_001, T_MS + 140_001)],
        triggers=[],
        history=[],
        history_before_seq=0,
    )
