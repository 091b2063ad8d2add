"""The table of a chaos run, and its proofs in words.

Used by the `daytrade` command.
"""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from daytrade.chaos.run import ChaosReport
from daytrade.chaos.strikes import Row
from daytrade.checking import CheckReport

_PROBLEMS_SHOWN = 20
_COLUMNS = ("times", "acknowledged", "lost", "doubled", "unresolved", "first ack s", "back s")


def print_table(rows: Sequence[Row], console: Console) -> None:
    """Print one line for each kind of fault; times are p50 / p99 / max."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("fault")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row("none yet" if row.kind is None else str(row.kind), *_cells(row))
    table.add_row("all", *_cells(_total(rows)))
    console.print(table)
    console.print("first ack s, back s: p50 / p99 / max, in seconds from the fault")


def _cells(row: Row) -> list[str]:
    counts = (row.times, row.acknowledged, row.lost, row.doubled, row.unresolved)
    return [
        *(f"{count:,}" for count in counts),
        _spread(row.first_acks_s),
        _spread(row.backs_s),
    ]


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "-"
    ordered = sorted(seconds)
    return " / ".join(f"{percentile_s(ordered, part):.2f}" for part in (50, 99, 100))


def percentile_s(ordered: Sequence[float], percent: int) -> float:
    """The least of the ordered values that so many percent of them do not exceed."""
    place_from_one = -(-len(ordered) * percent // 100)
    return ordered[max(place_from_one, 1) - 1]


def _total(rows: Sequence[Row]) -> Row:
    total = Row(None)
    for row in rows:
        total.times += row.times
        total.acknowledged += row.acknowledged
        total.lost += row.lost
        total.doubled += row.doubled
        total.unresolved += row.unresolved
        total.first_acks_s += row.first_acks_s
        total.backs_s += row.backs_s
        total.never_acked += row.never_acked
    return total


def print_check(check: CheckReport, console: Console) -> None:
    """Say what the checker found."""
    verdict = check.verdict
    console.print(
        f"{verdict.acknowledged:,} commands acknowledged, {verdict.refused:,} of them refused; "
        f"lost {verdict.lost}, doubled {verdict.doubled}, unresolved {verdict.unresolved} "
        f"({verdict.carried_out_unseen} of these were carried out)"
    )
    console.print(
        f"{check.entries:,} journal entries, {check.log.records:,} audit records, "
        f"{verdict.fired:,} triggers fired"
    )
    problems = check.problems
    for problem in problems[:_PROBLEMS_SHOWN]:
        console.print(f"WRONG: {problem}", markup=False, highlight=False, soft_wrap=True)
    if len(problems) > _PROBLEMS_SHOWN:
        console.print(f"... and {len(problems) - _PROBLEMS_SHOWN} more")
    if not problems:
        console.print(
            "every acknowledged command was carried out exactly once, in each user's order, by the "
            "rules;\nthe log is whole, valid, and replays to the ledger, to the cent and the share",
            highlight=False,
        )


def to_json(report: ChaosReport) -> dict[str, object]:
    """The figures, ready for a JSON writer."""
    verdict = report.check.verdict
    return {
        "acknowledged": verdict.acknowledged,
        "refused": verdict.refused,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "unresolved": verdict.unresolved,
        "fired": verdict.fired,
        "problems": report.check.problems,
        "faults": [
            {
                "kind": str(strike.fault.kind),
                "target": strike.fault.target,
                "at_s": strike.fault.at_s,
                "first_ack_s": strike.first_ack_s,
                "back_s": strike.back_s,
            }
            for strike in report.strikes
        ],
    }


def is_good(report: ChaosReport) -> bool:
    """Whether nothing was lost, doubled or left open, and everything came back."""
    is_answered = not any(row.never_acked for row in report.rows)
    return not report.check.problems and not report.check.verdict.unresolved and is_answered
