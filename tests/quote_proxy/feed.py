"""A feed of prices that pushes nothing by itself, and remembers what it was asked to.

Only tests import this.
"""


class FeedDouble:
    """See `quote_proxy.source.PriceFeed`.

    :ivar watched: in whose name each symbol is watched now, and the number of the command.
    :ivar passive: those of them of which no price is needed.
    :ivar changes: each symbol that was watched or, with a minus, no longer, in order.
    """

    def __init__(self) -> None:
        self.watched: dict[str, tuple[str, int]] = {}
        self.passive: set[str] = set()
        self.changes: list[str] = []

    def watch(self, symbol: str, user: str, transaction_num: int, *, passive: bool = False) -> None:
        self.watched[symbol] = user, transaction_num
        self.changes.append(symbol)
        if passive:
            self.passive.add(symbol)

    def unwatch(self, symbol: str) -> None:
        self.watched.pop(symbol, None)
        self.passive.discard(symbol)
        self.changes.append(f"-{symbol}")
