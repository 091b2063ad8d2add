"""Which entry bears a hit: the first that used its price, else the first that only tells it.

Pure; used by `audit.database` as it stores, and by `audit.derived_check` as it works out anew what
must have been stored (SPEC section 4, "Hits").
"""

from collections.abc import Iterable

from ledger.entry import Cause, Entry

Hit = tuple[str, int, str]
"""Symbol, the quote server's time in Unix ms, cryptokey."""


def hits_of(placed: Iterable[tuple[int, Entry]]) -> list[tuple[int, Entry]]:
    """Each hit of a batch once, with the first entry that used it, else the one that tells it.

    :param placed: entries, with their places in the batch.
    """
    found: dict[Hit, tuple[int, Entry]] = {}
    for place, entry in placed:
        if entry.quote is not None:
            known = found.get(entry.quote.hit)
            if known is None or (known[1].cause is Cause.HIT and entry.cause is not Cause.HIT):
                found[entry.quote.hit] = (place, entry)
    return list(found.values())
