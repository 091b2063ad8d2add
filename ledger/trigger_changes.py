"""Which triggers a journal entry changed.

Imports only `protocol` and the entry. Stores write just these, and trigger services are told of
them.
"""

from ledger.account import Side, TriggerName
from ledger.entry import Entry
from protocol import messages as m
from protocol.errors import OK

_SIDES = {
    m.SetBuyAmount.KIND: Side.BUY,
    m.SetBuyTrigger.KIND: Side.BUY,
    m.CancelSetBuy.KIND: Side.BUY,
    m.SetSellAmount.KIND: Side.SELL,
    m.SetSellTrigger.KIND: Side.SELL,
    m.CancelSetSell.KIND: Side.SELL,
}


def changed_trigger(entry: Entry) -> TriggerName | None:
    """The trigger that an accepted command set, armed or cancelled, or that fired."""
    side = _SIDES.get(entry.kind)
    if side is None or entry.code is not OK:
        return None
    return TriggerName(entry.user, side, entry.symbol.upper())
