"""The fewest hits on the quote server that a run could have done with (SPEC section 1, "Quotes").

For the driver and tests. Pure: Unix ms in, a number out.
"""

from collections.abc import Iterable, Mapping

PRICE_USABLE_MS = 60_000
"""A price may be used up to and including this age."""

_NOTHING: Mapping[str, Iterable[tuple[int, int]]] = {}


def legacy_hits_minimum(
    uses_ms: Mapping[str, Iterable[int]],
    armed_ms: Mapping[str, Iterable[tuple[int, int]]] = _NOTHING,
) -> int:
    """Return the fewest quotes with which every use has a price that is fresh enough.

    `uses_ms` gives, per symbol, the moments at which a price decided or was shown, in any order.
    `armed_ms` gives, per symbol, the spans (first and last moment) in which a trigger was armed:
    each is a use at every moment.
    """
    return sum(
        _hits(uses_ms.get(symbol, ()), armed_ms.get(symbol, ()))
        for symbol in uses_ms.keys() | armed_ms.keys()
    )


def _hits(uses_ms: Iterable[int], armed_ms: Iterable[tuple[int, int]]) -> int:
    """Ask for a price only when the last one has run out; no other plan needs fewer."""
    spans = sorted([(use_ms, use_ms) for use_ms in uses_ms] + list(armed_ms))
    if not spans:
        return 0
    hits = 0
    uncovered_ms = spans[0][0]
    for first_ms, last_ms in spans:
        uncovered_ms = max(uncovered_ms, first_ms)
        if uncovered_ms <= last_ms:
            windows = (last_ms - uncovered_ms) // (PRICE_USABLE_MS + 1) + 1
            hits += windows
            uncovered_ms += windows * (PRICE_USABLE_MS + 1)
    return hits
