"""The table of a run's results, one row per command, and the lines after it.

For the `daytrade` command. The same figures as a table in colour on a terminal and as aligned text
in a pipe; a figure that nobody could see shows as a dash.
"""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from generator.result import CommandResult, RunResult
from protocol.money import format_cents

_COLUMNS = (
    "command", "count", "refused", "mean ms", "p50 ms", "p99 ms", "total s", "share",
)  # fmt: skip
_DASH = "-"
_VERDICTS = {True: "yes", False: "NO", None: _DASH}


def print_report(result: RunResult, console: Console) -> None:
    """Write the table and the summary to the console, plainly where it is no terminal."""
    if console.is_terminal:
        console.print(_table(result))
        console.print("\n".join(summary_lines(result)), markup=False, highlight=False)
    else:
        console.file.write(plain_report(result))


def plain_report(result: RunResult) -> str:
    """Return the table and the summary as aligned text."""
    rows = [_COLUMNS, *report_rows(result)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = [_aligned(row, widths) for row in rows]
    rule = "-" * len(lines[0])
    lines[1:1] = [rule]
    lines[-1:-1] = [rule]
    return "\n".join([*lines, "", *summary_lines(result)]) + "\n"


def report_rows(result: RunResult) -> list[tuple[str, ...]]:
    """Return a row per command in the course's order and one for all, as text by column.

    Times are from sending a command to its reply; `share` is the part of all that time.
    """
    per_command = result.per_command()
    everything = CommandResult()
    for each in per_command.values():
        everything.merge(each)
    total_us = everything.latencies.total_us
    rows = [_row(name, each, total_us) for name, each in per_command.items()]
    return [*rows, _row("all", everything, total_us)]


def summary_lines(result: RunResult) -> list[str]:
    """Return what else a run showed: rate, latencies, hits, the checks, and use of the machine."""
    return [f"{title:<19} {text}" for title, text in _summary(result)]


def _table(result: RunResult) -> Table:
    table = Table(show_footer=True)
    *rows, total = report_rows(result)
    for title, footer in zip(_COLUMNS, total, strict=True):
        table.add_column(title, footer, justify="left" if title == "command" else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    name, *figures = row
    padded = [text.rjust(width) for text, width in zip(figures, widths[1:], strict=True)]
    return "  ".join([name.ljust(widths[0]), *padded])


def _row(name: str, result: CommandResult, all_us: int) -> tuple[str, ...]:
    latencies = result.latencies
    share = latencies.total_us / all_us if all_us else None
    return (
        name,
        f"{result.count:,}",
        f"{result.refused:,}",
        _figure(latencies.mean_ms(), ".3f"),
        _figure(latencies.percentile_ms(50), ".3f"),
        _figure(latencies.percentile_ms(99), ".3f"),
        f"{latencies.total_us / 1e6:,.3f}",
        _figure(share, ".1%"),
    )


def _summary(result: RunResult) -> Iterator[tuple[str, str]]:
    total = result.total()
    yield (
        "users' commands",
        f"{total.count:,}: {total.accepted:,} accepted, {total.refused:,} refused, "
        f"{total.unknown:,} unknown",
    )
    wall, rate = _figure(result.wall_s, ",.3f"), _figure(result.commands_per_s(), ",.0f")
    yield "wall time", f"{wall} s, {rate} commands/s"
    names = {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9}
    latencies_ms = {name: total.latencies.percentile_ms(at) for name, at in names.items()}
    latencies_ms["max"] = total.latencies.max_ms()
    yield "latency, ms", ", ".join(f"{n} {_figure(ms, '.3f')}" for n, ms in latencies_ms.items())
    if result.final_dumplog.count:
        yield "final DUMPLOG", f"{_figure(result.final_dumplog.latencies.mean_ms(), ',.3f')} ms"
    hits, hits_minimum = result.legacy_hits, result.legacy_hits_minimum
    yield "quote server hits", f"{_figure(hits, ',')}, at least {_figure(hits_minimum, ',')} needed"
    bill_cents = result.legacy_bill_cents
    if bill_cents is not None:
        per_command = _figure(result.legacy_hits_per_command, ".4f")
        yield "quote server bill", f"${format_cents(bill_cents)}; {per_command} hits a command"
    for name, layer in (result.price_layers or {}).items():
        answered = _figure(layer.hit_ratio, ".2%")
        yield f"prices at {name}", f"{layer.asked:,} asked for, {answered} answered there"
    yield "audit records", _figure(result.audit_records, ",")
    yield "DUMPLOG valid", _VERDICTS[result.dumplog_valid]
    yield "ledger equals audit", _VERDICTS[result.ledger_equals_audit]
    for name, use in (result.processes or {}).items():
        yield (
            name,
            f"{use.user_s:.2f} s user, {use.system_s:.2f} s system, {use.rss_mb_max:.0f} MiB",
        )


def _figure(value: float | None, form: str) -> str:
    return _DASH if value is None else format(value, form)
