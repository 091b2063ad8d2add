"""What is counted where prices are come by.

Used by `twistd_plugins`.
"""

from quote_proxy.breaker import Breaker
from quote_proxy.cache import QuoteCache
from quote_proxy.legacy_client import LegacyQuoteClient
from quote_proxy.shelf import ShelvedSource
from service.figures import Figure


def cache_figures(quotes: QuoteCache) -> list[Figure]:
    """The figures of one cache of prices."""
    counters = quotes.counters
    return [
        Figure("counter", "daytrade_quotes", "Prices asked for, by how they were come by.",
               lambda: {"fresh": counters.fresh, "coalesced": counters.coalesced,
                        "missed": counters.missed, "ahead": counters.ahead,
                        "fetched": counters.fetched, "failed": counters.failed}, "layer"),
        Figure("gauge", "daytrade_quotes_held", "Prices that are kept.", lambda: quotes.held),
    ]  # fmt: skip


def legacy_figures(client: LegacyQuoteClient, breaker: Breaker) -> list[Figure]:
    """The figures of the way to the legacy quote server."""
    counters = client.counters
    return [
        Figure("counter", "daytrade_legacy_requests", "Attempts on the legacy quote server.",
               lambda: counters.requests),
        Figure("counter", "daytrade_legacy_hits", "Answers of it, each of which is charged.",
               lambda: counters.answered),
        Figure("counter", "daytrade_legacy_refused", "Attempts that gave no price, by why.",
               lambda: {reason.name.lower(): n for reason, n in counters.refused.items()},
               "reason"),
        Figure("gauge", "daytrade_legacy_skew_seconds",
               "How far its clock is ahead of ours, by its newest answer.",
               lambda: counters.skew_ms / 1000),
        Figure("gauge", "daytrade_legacy_breaker_open", "1 while the server counts as away.",
               lambda: int(breaker.is_open)),
    ]  # fmt: skip


def shelf_figures(source: ShelvedSource) -> list[Figure]:
    """The figures of a shelf behind a proxy's cache."""
    counters = source.counters
    return [
        Figure("counter", "daytrade_shelf", "Looks at the shelf, by whether a price was there.",
               lambda: {"found": counters.found, "missed": counters.missed}, "outcome"),
    ]  # fmt: skip
