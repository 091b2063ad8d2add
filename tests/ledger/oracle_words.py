"""What the ledger says, in the words of the oracle, so that the two can be compared.

Only tests import this. Invariant: nothing is judged here, only told.
"""

from typing import Literal

from generator.oracle_account import PendingOrder as OraclePendingOrder
from generator.oracle_account import Snapshot, TriggerView
from generator.oracle_rules import Expected
from ledger.account import Account, PendingOrder, Side
from ledger.entry import Entry
from protocol.errors import Code
from tests.ledger.replay import reserved_shares

SIDES: tuple[tuple[Side, Literal["buy", "sell"]], ...] = ((Side.BUY, "buy"), (Side.SELL, "sell"))


def assert_as_expected(entry: Entry, expected: Expected) -> None:
    """Assert that an entry says what the oracle expects, where the oracle says anything."""
    assert entry.code is expected.code
    assert (entry.code is Code.OK) is expected.accepted
    told = (entry.shares, entry.total_cents, entry.price_cents, entry.valid_until_ms)
    wanted = (
        expected.shares,
        expected.total_cents,
        expected.price_cents,
        expected.valid_until_ms,
    )
    assert all(want is None or tell == want for tell, want in zip(told, wanted, strict=True)), (
        f"{entry.name}: {told} instead of {wanted}"
    )


def in_oracle_words(account: Account) -> Snapshot:
    """An account as the oracle would show its own."""
    return Snapshot(
        exists=account.exists,
        cash_cents=account.cash_cents,
        reserve_cents=account.reserve_cents,
        holdings={symbol: shares for symbol, shares in account.holdings.items() if shares},
        reserved_shares=reserved_shares(account),
        pending_buys=[_order("buy", order) for order in account.buys],
        pending_sells=[_order("sell", order) for order in account.sells],
        triggers=[
            TriggerView(
                side=oracle_side,
                symbol=symbol,
                amount_cents=trigger.amount_cents,
                price_cents=trigger.price_cents,
                shares=trigger.shares,
            )
            for side, oracle_side in SIDES
            for symbol, trigger in sorted(account.triggers(side).items())
        ],
    )


def _order(side: Literal["buy", "sell"], order: PendingOrder) -> OraclePendingOrder:
    return OraclePendingOrder(side, order.symbol, order.shares, order.price_cents, order.decided_ms)
