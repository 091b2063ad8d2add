"""What the rounds of a benchmark show, and their medians.

Used by `benchmarks.bench` and `benchmarks.report`. Pure.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from hdrh.histogram import HdrHistogram
from msgspec import Struct

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9, "max": 100.0}


class Load(Struct, frozen=True):
    """How the stack is driven in one row of the table.

    :ivar rate_share: open loop at this share of the rate that the closed loop of the same row
        reached; None: closed loop.
    """

    users: int
    outstanding: int
    nodes: int
    rate_share: float | None = None

    @property
    def name(self) -> str:
        """The load in words."""
        loop = "closed loop" if self.rate_share is None else f"open loop at {self.rate_share:.0%}"
        nodes = "one node" if self.nodes == 1 else f"{self.nodes} nodes"
        return f"{self.users} users, {self.outstanding} outstanding, {nodes}, {loop}"


class RoundResult(Struct):
    """One round of one load, with the pgbench round beside it.

    :ivar latency_ms: by the names of PERCENTILES.
    :ivar cpu_us: processor time per command of each part of the stack.
    :ivar foreign_share: share of the machine that went to others meanwhile.
    :ivar audit_lag_entries: the most that the audit daemon was behind.
    :ivar audit_drain_s: how long after the round it had everything; None: not within the limit.
    """

    commands: int
    refused: int
    failed: int
    commands_per_s: float
    pgbench_tps: float
    latency_ms: dict[str, float]
    cpu_us: dict[str, float]
    rss_mb: dict[str, float]
    wal_bytes_per_command: float
    flushes_per_command: float
    batch_sizes: dict[str, float]
    foreign_share: float
    audit_lag_entries: int
    audit_drain_s: float | None

    @property
    def times_pgbench(self) -> float:
        """Commands per second, with a transaction of pgbench per second as the unit."""
        return self.commands_per_s / self.pgbench_tps


class Spread(Struct, frozen=True):
    """Median, least and most of several rounds."""

    median: float
    min: float
    max: float


class LoadResult(Struct):
    """All rounds of one load."""

    load: Load
    rounds: list[RoundResult]

    def spread(self, figure: Callable[[RoundResult], float]) -> Spread:
        """One figure over all rounds."""
        values = [figure(each) for each in self.rounds]
        return Spread(median(values), min(values), max(values))

    @property
    def p99_in_turns(self) -> Spread:
        """p99 as a multiple of users / rate: the time in which every user has one turn."""
        turn_users = self.load.users * self.load.outstanding
        return self.spread(
            lambda each: each.latency_ms["p99"] / 1000 * each.commands_per_s / turn_users
        )

    @property
    def server_cpu_us(self) -> Spread:
        """Processor time of all nodes together per command, microseconds."""
        return self.spread(
            lambda each: sum(us for name, us in each.cpu_us.items() if name.startswith("node-"))
        )


def latencies_ms(histogram: HdrHistogram) -> dict[str, float]:
    """The percentiles of latencies in microseconds, in milliseconds."""
    return {
        name: histogram.get_value_at_percentile(percentile) / 1000
        for name, percentile in PERCENTILES.items()
    }


def batch_size_percentiles(sizes: Counter[int]) -> dict[str, float]:
    """How large batches are: mean, median, ninth decile, largest."""
    ordered: Sequence[int] = sorted(sizes.elements())
    if not ordered:
        return {}
    return {
        "mean": sum(ordered) / len(ordered),
        "p50": float(ordered[len(ordered) // 2]),
        "p90": float(ordered[len(ordered) * 9 // 10]),
        "max": float(ordered[-1]),
    }
