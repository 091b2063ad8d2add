"""Latencies of many commands in little memory: an HdrHistogram and the exact sum.

For `result`. Invariant: percentiles are right to three digits from 1 us to 60 s; count, sum and
the longest are exact.
"""

from hdrh.histogram import HdrHistogram

LATENCY_MAX_US = 60_000_000
_LATENCY_MIN_US = 1
_DIGITS = 3


class Latencies:
    """Latencies in microseconds; figures are None while there are none."""

    __slots__ = ("_histogram", "count", "max_us", "total_us")

    def __init__(self) -> None:
        self._histogram = HdrHistogram(_LATENCY_MIN_US, LATENCY_MAX_US, _DIGITS)
        self.count = 0
        self.max_us = 0
        self.total_us = 0

    def record(self, latency_us: int) -> None:
        """Take in one latency; percentiles show one above 60 s as 60 s."""
        self.count += 1
        self.max_us = max(self.max_us, latency_us)
        self.total_us += latency_us
        self._histogram.record_value(min(max(latency_us, _LATENCY_MIN_US), LATENCY_MAX_US))

    def merge(self, other: "Latencies") -> None:
        """Take in all that `other` holds."""
        self.count += other.count
        self.max_us = max(self.max_us, other.max_us)
        self.total_us += other.total_us
        self._histogram.add(other._histogram)

    def mean_ms(self) -> float | None:
        """Return the exact mean."""
        return self.total_us / self.count / 1000 if self.count else None

    def max_ms(self) -> float | None:
        """Return the exact longest."""
        return self.max_us / 1000 if self.count else None

    def percentile_ms(self, percentile: float) -> float | None:
        """Return the latency that `percentile` per cent do not exceed."""
        if not self.count:
            return None
        # The histogram answers with the upper end of a slot, which may lie beyond the longest.
        return min(int(self._histogram.get_value_at_percentile(percentile)), self.max_us) / 1000
