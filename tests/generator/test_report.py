"""The report: the same figures as aligned text in a pipe and as a table on a terminal."""

from io import StringIO

from rich.console import Console

from generator.report import plain_report, print_report, report_rows
from generator.result import LayerUse, Outcome, ProcessUse, RunResult
from protocol.messages import COMMANDS

GOLDEN = """\
command           count  refused  mean ms  p50 ms  p99 ms  total s   share
--------------------------------------------------------------------------
ADD                   3        0    2.000   2.000   3.000    0.006   30.0%
QUOTE                 0        0        -       -       -    0.000    0.0%
BUY                   2        1    4.000   4.000   4.000    0.004   20.0%
COMMIT_BUY            0        0        -       -       -    0.000    0.0%
CANCEL_BUY            0        0        -       -       -    0.000    0.0%
SELL                  0        0        -       -       -    0.000    0.0%
COMMIT_SELL           0        0        -       -       -    0.000    0.0%
CANCEL_SELL           0        0        -       -       -    0.000    0.0%
SET_BUY_AMOUNT        0        0        -       -       -    0.000    0.0%
SET_BUY_TRIGGER       0        0        -       -       -    0.000    0.0%
CANCEL_SET_BUY        0        0        -       -       -    0.000    0.0%
SET_SELL_AMOUNT       0        0        -       -       -    0.000    0.0%
SET_SELL_TRIGGER      0        0        -       -       -    0.000    0.0%
CANCEL_SET_SELL       0        0        -       -       -    0.000    0.0%
DUMPLOG               1        0   10.000  10.000  10.000    0.010   50.0%
DISPLAY_SUMMARY       0        0        -       -       -    0.000    0.0%
--------------------------------------------------------------------------
all                   6        1    4.000   3.001  10.000    0.020  100.0%

users' commands     5: 3 accepted, 1 refused, 1 unknown
wall time           0.500 s, 10 commands/s
latency, ms         p50 2.000, p90 4.000, p99 4.000, p99.9 4.000, max 4.000
final DUMPLOG       10.000 ms
quote server hits   1,200, at least 1,100 needed
quote server bill   $60.00; 240.0000 hits a command
prices at L1        10,000 asked for, 90.00% answered there
prices at L2        1,000 asked for, 50.00% answered there
audit records       12,345
DUMPLOG valid       yes
ledger equals audit NO
trade-server        1.50 s user, 0.25 s system, 38 MiB
"""


def _run() -> RunResult:
    result = RunResult()
    for latency_us in (1_000, 2_000, 3_000):
        result.record("ADD", Outcome.ACCEPTED, latency_us)
    result.record("BUY", Outcome.REFUSED, 4_000)
    result.record("BUY", Outcome.UNKNOWN, 0)
    result.final_dumplog.record(Outcome.ACCEPTED, 10_000)
    result.wall_s = 0.5
    result.legacy_hits, result.legacy_hits_minimum = 1_200, 1_100
    result.price_layers = {"L1": LayerUse(10_000, 1_000), "L2": LayerUse(1_000, 500)}
    result.audit_records = 12_345
    result.dumplog_valid, result.ledger_equals_audit = True, False
    result.processes = {"trade-server": ProcessUse(1.5, 0.25, 38.4)}
    return result


def test_the_text_for_a_pipe_is_aligned_and_complete() -> None:
    assert plain_report(_run()) == GOLDEN


def test_what_nobody_could_see_shows_as_a_dash() -> None:
    lines = plain_report(RunResult()).splitlines()
    assert lines[2].split() == ["ADD", "0", "0", "-", "-", "-", "0.000", "-"]
    assert "wall time           - s, - commands/s" in lines
    assert "quote server hits   -, at least - needed" in lines
    assert "DUMPLOG valid       -" in lines
    assert "final DUMPLOG" not in plain_report(RunResult())


def test_all_commands_are_shown_in_the_courses_order_with_the_total_last() -> None:
    assert [row[0] for row in report_rows(_run())] == [*COMMANDS, "all"]


def test_the_shares_of_time_add_up_to_all_of_it() -> None:
    *rows, total = report_rows(_run())
    shares = [float(row[-1].rstrip("%")) for row in rows]
    assert (sum(shares), total[-1]) == (100.0, "100.0%")


def test_a_pipe_gets_plain_text_of_any_width() -> None:
    console = Console(file=StringIO(), width=20)
    print_report(_run(), console)
    assert console.file.getvalue() == GOLDEN  # type: ignore[attr-defined]


def test_a_terminal_gets_a_table_with_the_same_figures() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100, color_system=None)
    print_report(_run(), console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    table_lines = [line.replace("│", " ").replace("┃", " ").split() for line in shown.splitlines()]
    for row in report_rows(_run()):
        assert list(row) in table_lines
    assert "ledger equals audit NO" in shown
