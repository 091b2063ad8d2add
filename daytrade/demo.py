"""`daytrade demo`: the whole system shown and proved in one go.

Used by the `daytrade` command. It plays a synthesized workload over two nodes with the course's
quote delays, lets a trigger fire with nobody asking, and checks everything that can be checked.
"""

from typing import Any

import click
from rich.console import Console

from daytrade.local_run import LocalReport, RunOptions, run_locally
from daytrade.stack_settings import StackSettings
from generator.driver import Pace
from generator.progress import progress_on
from generator.report import print_report
from generator.synthesizer import synthesize

USERS = 20
COMMANDS = 10_000
OUTSTANDING = 4
SEED = 468
_PROBLEMS_SHOWN = 20


async def demonstrate(reactor: Any) -> int:
    """Run the demo; returns 0 only if everything that it proves holds."""
    click.echo(
        f"{COMMANDS} commands of {USERS} users through generator, two nodes, quote cache,\n"
        "Postgres, trigger service and audit daemon; quotes with the course's measured delays.\n"
    )
    lines = list(synthesize(USERS, COMMANDS, SEED))
    report = await run_locally(
        reactor,
        lines,
        StackSettings(nodes=2, legacy_delay="course", price_step_s=1.0),
        RunOptions(Pace(OUTSTANDING)),
        lambda: progress_on(Console(stderr=True), reactor, len(lines)),
    )
    print_report(report.result, Console())
    return tell_proofs(report)


def tell_proofs(report: LocalReport) -> int:
    """Say what a run has proved and what not; returns the exit code, 0 if everything holds."""
    result, log = report.result, report.log
    total = result.total()
    fired = sum(len(firings) for firings in log.firings.values())
    proofs = [
        (f"every command answered: {total.count} sent, 0 unknown", not result.unknown),
        ("every reply is what an independent model of the rules expects", not report.disagreements),
        (f"the log is whole: {result.audit_records} records, no gap, none twice", not log.findings),
        ("the log is valid by its XML schema", bool(result.dumplog_valid)),
        ("replaying the log gives the ledger, to the cent and the share", not log.findings),
        (f"{fired} triggers fired by themselves, each once", fired > 0),
    ]
    click.echo("\nproved:")
    for text, holds in proofs:
        click.echo(f"  {'ok' if holds else 'NO'}  {text}")
    for problem in report.problems[:_PROBLEMS_SHOWN]:
        click.echo(f"WRONG: {problem}", err=True)
    return 0 if all(holds for _, holds in proofs) and not report.problems else 1
