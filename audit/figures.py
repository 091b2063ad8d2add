"""What is counted on both sides of the audit log.

Used by `twistd_plugins`.
"""

from collections.abc import Mapping

from audit.shipper import Shipper
from audit.store import Store
from service.figures import Figure


def shipper_figures(shippers: Mapping[str, Shipper]) -> list[Figure]:
    """How far the daemon is behind with streams of this process, by stream."""
    return [
        Figure("gauge", "daytrade_audit_lag_entries", "Committed, not acknowledged by the daemon.",
               lambda: {stream: each.lag.entries for stream, each in shippers.items()}, "stream"),
        Figure("gauge", "daytrade_audit_lag_bytes", "What of that is kept in memory.",
               lambda: {stream: each.lag.held_bytes for stream, each in shippers.items()},
               "stream"),
        Figure("gauge", "daytrade_audit_connected", "1 while the stream is connected.",
               lambda: {stream: int(each.lag.is_connected) for stream, each in shippers.items()},
               "stream"),
    ]  # fmt: skip


def store_figures(store: Store) -> list[Figure]:
    """What the daemon has stored."""
    return [
        Figure("gauge", "daytrade_audit_stored_number", "The last durable number, by stream.",
               lambda: dict(store.positions), "stream"),
        Figure("gauge", "daytrade_audit_trouble", "1 after a write that failed.",
               lambda: int(bool(store.trouble))),
    ]  # fmt: skip
