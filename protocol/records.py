"""The records that messages hold: lines of a summary, places in a stream.

Everyone may import this, by way of `protocol.messages`. A record travels as an array inside its
message and has no kind of its own.
"""

from protocol.declaration import Message
from protocol.fields import Count, Int64, Text


class HoldingLine(Message):
    """Shares of one stock that are free to sell."""

    symbol: Text
    shares: Count


class OrderLine(Message):
    """A pending order; `side` is `buy` or `sell`."""

    side: Text
    symbol: Text
    shares: Count
    price_cents: Count
    decided_ms: Count
    valid_until_ms: Int64


class TriggerLine(Message):
    """A trigger; not armed while `price_cents` is 0. `shares` are those that an armed sell
    holds.
    """

    side: Text
    symbol: Text
    amount_cents: Count
    price_cents: Count
    shares: Count


class HistoryLine(Message):
    """One journal entry of the user: what was done, by whom (the system too), and how it ended."""

    seq: Count
    decided_ms: Count
    transaction_num: Count
    name: Text
    code: Count
    symbol: Text
    amount_cents: Int64
    price_cents: Count
    shares: Count
    total_cents: Count


class StreamPosition(Message):
    """A place in a stream of journal entries."""

    stream: Text
    number: Count
