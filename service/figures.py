"""What a daemon counts, and how it is told: to Prometheus, and to the operators' console.

May be imported by everything above `protocol`. Whatever is counted is a plain number where the work
is done; a `Figure` says how to read it, and nothing is read before somebody asks.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Literal

from msgspec import Struct
from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

LATENCY_BOUNDS_S = (
    0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512,
    1.0, 2.0, 5.0, 10.0
)  # fmt: skip
SIZE_BOUNDS = tuple(float(1 << power) for power in range(14))


class Histogram:
    """How many observations fell under each bound.

    :ivar counts: for each bound those at most that, and above the one before; the last: all above.
    :ivar total: the sum of what was observed.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        """How many observations there were."""
        return sum(self.counts)

    def quantile(self, share: float) -> float:
        """The bound under which this share of the observations lies; 0 without any."""
        wanted, seen = share * self.count, 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += count
            if seen and seen >= wanted:
                return bound
        return 0.0

    def plus(self, other: "Histogram") -> "Histogram":
        """Both together; their bounds must be the same."""
        assert self.bounds == other.bounds
        both = Histogram(self.bounds)
        both.counts = [one + two for one, two in zip(self.counts, other.counts, strict=True)]
        both.total = self.total + other.total
        return both


Value = float | Histogram
Values = Mapping[str, Value]


class Figure(Struct, frozen=True):
    """One thing that is counted.

    :ivar name: as Prometheus has it: in the base unit, which ends the name; without `_total`.
    :ivar read: the value now, or one for each value of the label.
    :ivar label: its name; of several the names, separated by commas, as their values are.
    """

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    help: str
    read: Callable[[], Value | Values]
    label: str = ""

    def values(self) -> Values:
        """The values by label; a single one under the empty label."""
        value = self.read()
        return value if isinstance(value, Mapping) else {"": value}


class FigureCollector(Collector):
    """Tells figures to Prometheus, each read when it is asked for."""

    def __init__(self, figures: Sequence[Figure]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """Read everything."""
        return map(_family, self._figures)


def _family(figure: Figure) -> Metric:
    labels = figure.label.split(",") if figure.label else []

    def values_of(label: str) -> list[str]:
        return label.split(",", len(labels) - 1) if labels else []

    if figure.kind == "histogram":
        histograms = HistogramMetricFamily(figure.name, figure.help, labels=labels)
        for label, value in figure.values().items():
            assert isinstance(value, Histogram)
            histograms.add_metric(values_of(label), _buckets(value), value.total)
        return histograms
    cls = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
    family = cls(figure.name, figure.help, labels=labels)
    for label, value in figure.values().items():
        assert not isinstance(value, Histogram)
        family.add_metric(values_of(label), value)
    return family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    buckets, seen = [], 0
    for bound, count in zip((*histogram.bounds, None), histogram.counts, strict=True):
        seen += count
        buckets.append(("+Inf" if bound is None else str(bound), float(seen)))
    return buckets


def plain(figures: Iterable[Figure]) -> dict[str, dict[str, float]]:
    """All values as plain numbers, by name and label, a histogram as its count and quantiles; under
    the empty label stand those of all of a figure's histograms together.
    """
    told: dict[str, dict[str, float]] = {}
    for figure in figures:
        values = dict(figure.values())
        histograms = [value for value in values.values() if isinstance(value, Histogram)]
        if histograms:
            values[""] = reduce(Histogram.plus, histograms)
        for label, value in values.items():
            if isinstance(value, Histogram):
                told.setdefault(f"{figure.name}_count", {})[label] = value.count
                for share in (0.5, 0.99):
                    name = f"{figure.name}_p{share * 100:.0f}"
                    # JSON knows no infinity: what is above the last bound is told as twice that.
                    bound = min(value.quantile(share), 2 * value.bounds[-1])
                    told.setdefault(name, {})[label] = bound
            else:
                told.setdefault(figure.name, {})[label] = value
    return told
