"""DISPLAY_SUMMARY: an account at a glance.

Pure; imports only `protocol` and the account's own types (SPEC section 1).
"""

from collections.abc import Iterable

from ledger.account import Account, Side
from ledger.entry import Entry, decode_entry, history_line
from protocol.messages import HistoryLine, HoldingLine, OrderLine, Summary, TriggerLine


def summarize(
    account: Account,
    seq: int,
    decided_ms: int,
    history: list[HistoryLine],
) -> Summary:
    """The account as it is now, told under the number of the command that asked."""
    oldest_seq = history[-1].seq if history else 0
    return Summary(
        seq,
        decided_ms,
        account.exists,
        account.cash_cents,
        account.reserve_cents,
        [HoldingLine(symbol, n) for symbol, n in sorted(account.holdings.items()) if n],
        [
            OrderLine(
                side.value,
                order.symbol,
                order.shares,
                order.price_cents,
                order.decided_ms,
                order.valid_until_ms,
            )
            for side in Side
            for order in account.orders(side)
        ],
        [
            TriggerLine(
                side.value, symbol, trigger.amount_cents, trigger.price_cents, trigger.shares
            )
            for side in Side
            for symbol, trigger in sorted(account.triggers(side).items())
        ],
        history,
        oldest_seq if oldest_seq > 1 else 0,
    )


def history_page(recent: Iterable[bytes], older: list[Entry], limit: int) -> list[HistoryLine]:
    """The newest `limit` lines: of encoded entries, newest last, and of older ones, newest
    first.
    """
    newest = [decode_entry(encoded) for encoded in recent]
    return [history_line(entry) for entry in [*reversed(newest), *older][:limit]]
