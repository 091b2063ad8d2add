"""What the shares in an account have cost, from its history.

Pure. The cost is the average one: a sale takes shares out at what they cost on the average. A
history line of COMMIT_* does not name the stock; it belongs to the newest order of its side that
waits, and a lapse to the oldest, as the rules of the ledger have it (SPEC section 1).
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from protocol.errors import Code
from protocol.messages import HistoryLine


class Lot(Struct):
    """Shares of one stock and what all of them have cost."""

    shares: int = 0
    cost_cents: int = 0


class Waiting(Struct, frozen=True):
    """An order that was placed and not ended."""

    symbol: str
    shares: int
    price_cents: int


class CostBasis:
    """What the shares of one user have cost, as far as its history was told.

    :ivar seq: the newest line that was told.
    """

    def __init__(self) -> None:
        self.seq = 0
        self._lots: dict[str, Lot] = {}
        self._waiting: dict[str, list[Waiting]] = {"BUY": [], "SELL": []}

    def tell(self, lines: Iterable[HistoryLine]) -> list[HistoryLine]:
        """Go on with these lines, the oldest first; those that end an order now name its stock."""
        return [self._told(line) for line in lines]

    def _told(self, line: HistoryLine) -> HistoryLine:
        self.seq = line.seq
        ended = self._tell(line) if line.code == Code.OK else ""
        return msgspec.structs.replace(line, symbol=ended) if ended else line

    def _tell(self, line: HistoryLine) -> str:
        """Take one line in; returns the stock of the order that it ended, if it did."""
        name, _, how = line.name.partition(" ")
        if name in self._waiting:
            order = Waiting(line.symbol.upper(), line.shares, line.price_cents)
            self._waiting[name].append(order)
        elif name in ("COMMIT_BUY", "CANCEL_BUY"):
            symbol = self._end("BUY", line, is_oldest=bool(how))
            if name == "COMMIT_BUY":
                self._bought(symbol, line)
            return symbol
        elif name in ("COMMIT_SELL", "CANCEL_SELL"):
            symbol = self._end("SELL", line, is_oldest=bool(how))
            if name == "COMMIT_SELL":
                self._sold(symbol, line.shares)
            return symbol
        elif name == "SET_BUY_TRIGGER" and how:
            self._bought(line.symbol.upper(), line)
        elif name == "SET_SELL_TRIGGER" and how:
            self._sold(line.symbol.upper(), line.shares)
        return ""

    def _end(self, side: str, line: HistoryLine, *, is_oldest: bool) -> str:
        waiting = self._waiting[side]
        places = range(len(waiting)) if is_oldest else range(len(waiting) - 1, -1, -1)
        for place in places:
            order = waiting[place]
            if (order.shares, order.price_cents) == (line.shares, line.price_cents):
                return waiting.pop(place).symbol
        return ""

    def _bought(self, symbol: str, line: HistoryLine) -> None:
        lot = self._lots.setdefault(symbol, Lot())
        lot.shares += line.shares
        lot.cost_cents += line.total_cents

    def _sold(self, symbol: str, shares: int) -> None:
        lot = self._lots.setdefault(symbol, Lot())
        if lot.shares:
            lot.cost_cents -= lot.cost_cents * min(shares, lot.shares) // lot.shares
        lot.shares = max(lot.shares - shares, 0)

    def cost_cents(self, symbol: str, shares: int) -> int | None:
        """What so many of the shares have cost on the average; None where that is not known."""
        lot = self._lots.get(symbol)
        if lot is None or lot.shares < shares:
            return None
        return lot.cost_cents * shares // lot.shares if lot.shares else 0
