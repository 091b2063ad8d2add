"""What a run came to: counts that add up, percentiles, and the JSON that others read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.latency import Latencies
from generator.result import LayerUse, Outcome, ProcessUse, RunResult
from protocol.messages import COMMANDS

_KEYS = [
    "commands",
    "accepted",
    "refused",
    "unknown",
    "wall_s",
    "commands_per_s",
    "latency_ms",
    "per_command",
    "legacy_hits",
    "legacy_hits_minimum",
    "audit_records",
    "dumplog_valid",
    "ledger_equals_audit",
    "processes",
    "legacy_hits_per_command",
    "legacy_bill_cents",
    "price_layers",
]


def _small_run() -> RunResult:
    """Three users' commands and the final DUMPLOG, in two seconds."""
    result = RunResult()
    result.record("ADD", Outcome.ACCEPTED, 1_000)
    result.record("BUY", Outcome.REFUSED, 3_000)
    result.record("BUY", Outcome.UNKNOWN, 0)
    result.final_dumplog.record(Outcome.ACCEPTED, 5_000_000)
    result.wall_s = 2.0
    return result


def test_the_json_has_the_agreed_keys_and_can_be_written() -> None:
    figures = json.loads(json.dumps(_small_run().to_json()))
    assert list(figures) == _KEYS
    assert list(figures["latency_ms"]) == ["p50", "p90", "p99", "p999", "max"]
    assert list(figures["per_command"]) == list(COMMANDS)
    entry = ["count", "refused", "mean_ms", "p50_ms", "p99_ms", "total_s"]
    assert all(list(each) == entry for each in figures["per_command"].values())


def test_lines_sent_are_those_accepted_refused_and_unknown_with_the_final_dumplog() -> None:
    figures = _small_run().to_json()
    counts = [figures[key] for key in ("commands", "accepted", "refused", "unknown")]
    assert counts == [4, 2, 1, 1]


def test_a_final_dumplog_without_a_reply_is_unknown() -> None:
    result = RunResult()
    result.final_dumplog.record(Outcome.UNKNOWN, 0)
    figures = result.to_json()
    assert (figures["commands"], figures["unknown"]) == (1, 1)


def test_rate_and_latencies_leave_the_final_dumplog_out() -> None:
    figures = _small_run().to_json()
    assert figures["commands_per_s"] == 1.5
    assert figures["latency_ms"] == {"p50": 1.0, "p90": 3.0, "p99": 3.0, "p999": 3.0, "max": 3.0}


def test_a_commands_entry_holds_its_counts_and_times() -> None:
    result = _small_run()
    result.record("BUY", Outcome.ACCEPTED, 1_000)
    per_command = result.to_json()["per_command"]
    assert isinstance(per_command, dict)
    assert per_command["BUY"] == {
        "count": 3,
        "refused": 1,
        "mean_ms": 2.0,
        "p50_ms": 1.0,
        "p99_ms": 3.0,
        "total_s": 0.004,
    }
    assert per_command["DUMPLOG"]["count"] == 1
    assert per_command["DUMPLOG"]["total_s"] == 5.0


def test_a_users_dumplog_counts_with_the_final_one() -> None:
    result = _small_run()
    result.record("DUMPLOG", Outcome.ACCEPTED, 1_000)
    assert result.per_command()["DUMPLOG"].count == 2
    assert result.users["DUMPLOG"].count == 1


def test_figures_that_nobody_could_see_are_null() -> None:
    figures = RunResult().to_json()
    per_command = figures.pop("per_command")
    latency_ms = figures.pop("latency_ms")
    counts = ("commands", "accepted", "refused", "unknown")
    assert {figures.pop(key) for key in counts} == {0}
    assert set(figures.values()) == {None}
    assert set(latency_ms.values()) == {None}  # type: ignore[attr-defined]
    assert per_command["ADD"]["mean_ms"] is None  # type: ignore[index]


def test_what_the_stack_fills_in_is_passed_on() -> None:
    result = _small_run()
    result.legacy_hits, result.legacy_hits_minimum, result.audit_records = 7, 5, 100
    result.dumplog_valid, result.ledger_equals_audit = True, False
    result.processes = {"trade-server": ProcessUse(1.5, 0.25, 38.0)}
    figures = result.to_json()
    assert [figures[key] for key in _KEYS[8:13]] == [7, 5, 100, True, False]
    assert figures["processes"] == {
        "trade-server": {"user_s": 1.5, "system_s": 0.25, "rss_mb_max": 38.0}
    }


def test_what_the_prices_of_a_run_came_to_is_told() -> None:
    result = _small_run()
    result.legacy_hits = 6
    result.price_layers = {"L1": LayerUse(200, 20), "L2": LayerUse(0, 0)}
    figures = result.to_json()
    assert (figures["legacy_hits_per_command"], figures["legacy_bill_cents"]) == (2.0, 30)
    assert figures["price_layers"] == {
        "L1": {"asked": 200, "passed_on": 20, "hit_ratio": 0.9},
        "L2": {"asked": 0, "passed_on": 0, "hit_ratio": None},
    }


def test_an_unknown_command_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        RunResult().record("HOLD", Outcome.ACCEPTED, 1)


_RECORDS = st.lists(
    st.tuples(
        st.sampled_from(sorted(COMMANDS)),
        st.sampled_from(list(Outcome)),
        st.integers(0, 70_000_000),
    ),
    max_size=8,
)


@given(_RECORDS, _RECORDS)
def test_merged_parts_are_as_good_as_one_run(
    first: list[tuple[str, Outcome, int]], second: list[tuple[str, Outcome, int]]
) -> None:
    whole, part, other = RunResult(), RunResult(), RunResult()
    for record in first:
        part.record(*record)
    for record in second:
        other.record(*record)
    for record in first + second:
        whole.record(*record)
    part.merge(other)
    assert part.to_json() == whole.to_json()


def test_merging_takes_the_longest_wall_time_and_the_final_dumplog() -> None:
    result, part = RunResult(), _small_run()
    result.merge(part)
    assert (result.wall_s, result.final_dumplog.count) == (2.0, 1)
    part.wall_s = 1.0
    result.merge(part)
    assert (result.wall_s, result.final_dumplog.count) == (2.0, 2)


def test_percentiles_are_right_to_three_digits() -> None:
    latencies = Latencies()
    for latency_us in range(1, 10_001):
        latencies.record(latency_us * 100)
    for percentile, exact_ms in ((50, 500.0), (90, 900.0), (99, 990.0), (99.9, 999.0)):
        assert latencies.percentile_ms(percentile) == pytest.approx(exact_ms, rel=0.001)
    assert latencies.mean_ms() == pytest.approx(500.05)


def test_latencies_out_of_range_are_counted_at_its_ends() -> None:
    latencies = Latencies()
    latencies.record(0)
    assert latencies.percentile_ms(99) == 0.0
    latencies.record(90_000_000)
    assert latencies.percentile_ms(99) == pytest.approx(60_000, rel=0.001)
    assert latencies.mean_ms() == 45_000
    assert latencies.count == 2


def test_the_longest_is_exact_and_no_percentile_lies_beyond_it() -> None:
    latencies = Latencies()
    for latency_us in (1_234_567, 90_000_001):
        latencies.record(latency_us)
        assert latencies.max_ms() == latency_us / 1000
        assert (latencies.percentile_ms(100) or 0.0) <= latency_us / 1000
