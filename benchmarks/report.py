"""The benchmark's result for a person and for a program.

Used by `benchmarks.command`. Every rate is given as a multiple of pgbench's in the same run.
"""

from collections.abc import Sequence
from statistics import median

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.bench import BenchReport
from benchmarks.figures import LoadResult, RoundResult, Spread

FOREIGN_SHARE_MAX = 0.10
"""Over this share of the machine in other hands a benchmark says nothing about us."""

Json = dict[str, object]


_HEADINGS = (
    *("load", "n", "x pgb", "range", "p50 ms", "p99 ms", "turns"),
    *("node", "pg", "log", "lag"),
)
_LEGEND = """\
load: users x outstanding commands of each, @ the share of the closed loop's
rate in an open one; n: nodes. x pgb: commands/s as a multiple of pgbench's
transactions/s, median and range of the rounds. turns: p99 in units of users
x outstanding / rate. node, pg, log: processor time of the nodes, Postgres and
the audit daemon, us a command. lag: entries the daemon was behind at most."""


def busy_rounds(results: Sequence[LoadResult]) -> int:
    """How many rounds were played while others had too much of the machine."""
    return sum(
        each.foreign_share > FOREIGN_SHARE_MAX for result in results for each in result.rounds
    )


def print_report(report: BenchReport, console: Console) -> None:
    """Print one table with a row for each load: medians, and the spread of the rate."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for result in report.results:
        table.add_row(*_cells(result))
    console.print(table)
    console.print(_LEGEND, highlight=False)
    for result in report.results:
        failed = sum(each.failed for each in result.rounds)
        if failed:
            console.print(f"WRONG: {result.load.name}: {failed} commands failed")
    for finding in report.findings or ():
        console.print(f"WRONG: {finding}")
    if report.findings == []:
        console.print("the log is whole, valid by the schema, and equal to the ledger")


def _cells(result: LoadResult) -> list[str]:
    times = result.spread(lambda each: each.times_pgbench)

    def mean(figure: str) -> str:
        return f"{result.spread(lambda each: each.cpu_us[figure]).median:.1f}"

    load = result.load
    loop = "" if load.rate_share is None else f"@{load.rate_share:.0%}"
    return [
        f"{load.users}x{load.outstanding}" + loop,
        f"{load.nodes}",
        f"{times.median:.1f}",
        f"{times.min:.1f}-{times.max:.1f}",
        f"{result.spread(lambda each: each.latency_ms['p50']).median:.1f}",
        f"{result.spread(lambda each: each.latency_ms['p99']).median:.1f}",
        f"{result.p99_in_turns.median:.1f}",
        f"{result.server_cpu_us.median:.1f}",
        mean("postgres"),
        mean("audit"),
        f"{max(each.audit_lag_entries for each in result.rounds):,}",
    ]


def to_json(report: BenchReport) -> Json:
    """All figures, ready for a JSON writer; the first load's also at the top (DESIGN)."""
    first = report.results[0]
    total = first.rounds
    return {
        "commands": sum(each.commands for each in total),
        "accepted": sum(each.commands - each.refused - each.failed for each in total),
        "refused": sum(each.refused for each in total),
        "unknown": sum(each.failed for each in total),
        "commands_per_s": median(each.commands_per_s for each in total),
        "latency_ms": _medians([each.latency_ms for each in total]),
        "pgbench_tps": median(each.pgbench_tps for each in total),
        "times_pgbench": first.spread(lambda each: each.times_pgbench).median,
        "ledger_equals_audit": None if report.findings is None else not report.findings,
        "findings": report.findings,
        "busy_rounds": busy_rounds(report.results),
        "loads": [_load_json(result) for result in report.results],
    }


def _load_json(result: LoadResult) -> Json:
    return {
        "load": msgspec.to_builtins(result.load),
        "name": result.load.name,
        "times_pgbench": _spread_json(result.spread(lambda each: each.times_pgbench)),
        "commands_per_s": _spread_json(result.spread(lambda each: each.commands_per_s)),
        "p99_in_turns": _spread_json(result.p99_in_turns),
        "server_cpu_us": _spread_json(result.server_cpu_us),
        "latency_ms": _medians([each.latency_ms for each in result.rounds]),
        "rounds": [_round_json(each) for each in result.rounds],
    }


def _round_json(each: RoundResult) -> Json:
    figures: Json = msgspec.to_builtins(each)
    return figures | {"times_pgbench": each.times_pgbench}


def _spread_json(spread: Spread) -> Json:
    figures: Json = msgspec.to_builtins(spread)
    return figures


def _medians(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: median(each[name] for each in figures) for name in figures[0]}
