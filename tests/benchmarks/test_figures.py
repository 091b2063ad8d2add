"""What the benchmark makes of its rounds."""

from collections import Counter

import pytest
from hdrh.histogram import HdrHistogram

from benchmarks.figures import (
    Load,
    LoadResult,
    RoundResult,
    Spread,
    batch_size_percentiles,
    latencies_ms,
)


def round_of(rate: float, tps: float, p99_ms: float = 10.0) -> RoundResult:
    return RoundResult(
        commands=1000,
        refused=300,
        failed=0,
        commands_per_s=rate,
        pgbench_tps=tps,
        latency_ms={"p99": p99_ms},
        cpu_us={"node-1": 7.0, "node-2": 5.0, "postgres": 9.0},
        rss_mb={"node-1": 90.0},
        wal_bytes_per_command=500.0,
        flushes_per_command=0.01,
        batch_sizes={},
        foreign_share=0.0,
        audit_lag_entries=0,
        audit_drain_s=0.0,
    )


def test_each_round_is_compared_with_the_pgbench_beside_it() -> None:
    result = LoadResult(Load(100, 1, 1), [round_of(50, 10), round_of(30, 10), round_of(80, 20)])
    assert result.spread(lambda each: each.times_pgbench) == Spread(4.0, 3.0, 5.0)


def test_p99_is_told_in_turns_of_all_users() -> None:
    """With 100 users and 1,000 commands/s every user has a turn each 100 ms."""
    result = LoadResult(Load(100, 1, 1), [round_of(1000, 1, p99_ms=250.0)])
    assert result.p99_in_turns.median == pytest.approx(2.5)


def test_the_processor_time_of_the_server_is_that_of_all_nodes() -> None:
    assert LoadResult(Load(1, 1, 2), [round_of(1, 1)]).server_cpu_us.median == 12.0


def test_latencies_come_in_milliseconds() -> None:
    histogram = HdrHistogram(1, 60_000_000, 3)
    for latency_us in range(1, 1001):
        histogram.record_value(latency_us)
    assert latencies_ms(histogram) == pytest.approx(
        {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}, rel=0.01
    )


def test_batches_are_told_by_their_sizes() -> None:
    sizes = Counter({1: 5, 10: 4, 100: 1})
    expected = {"mean": 14.5, "p50": 10.0, "p90": 100.0, "max": 100.0}
    assert batch_size_percentiles(sizes) == expected
    assert batch_size_percentiles(Counter()) == {}
