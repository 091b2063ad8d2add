"""`daytrade chaos` and `daytrade check`: hurt a stack under load, and prove what it did."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console

from daytrade.chaos.clocks import faketime_library
from daytrade.chaos.contention import Contention
from daytrade.chaos.figures import is_good, print_check, print_table, to_json
from daytrade.chaos.plan import Action, Kind, select_kinds
from daytrade.chaos.run import ChaosRun, ChaosSettings
from daytrade.checking import check_run
from daytrade.data_directory import DataDirectory, TemporaryDataDirectory
from daytrade.errors import StackError
from daytrade.local_run import tell_exit
from daytrade.running import run
from daytrade.stack import LocalStack
from daytrade.stack_services import audit_path
from daytrade.stack_settings import StackSettings
from generator.history import HistoryError, read_history
from generator.progress import progress_on

_WIDTH = 120


@click.command()
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--faults", type=click.IntRange(0), default=20, show_default=True)
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0.1),
    default=6.0,
    show_default=True,
    help="Seconds from one fault to the next, on the average.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="ACTION[:PART]",
    help="These faults alone, such as kill or freeze:node; may be given several times.",
)
@click.option(
    "--lasts", "lasts_s", type=float, help="Seconds that faults last which pass by themselves."
)
@click.option("--users", type=click.IntRange(1), default=100, show_default=True)
@click.option("--rate", type=click.FloatRange(1), default=100.0, show_default=True)
@click.option("--outstanding", type=click.IntRange(1), default=4, show_default=True)
@click.option("--nodes", type=click.IntRange(1, 16), default=2, show_default=True)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the stack's directory, with the history, here.",
)
@click.option("--json", "json_file", type=click.File("w"), help="Write figures as JSON.")
def chaos(
    seed: int,
    faults: int,
    every_s: float,
    only: Sequence[str],
    lasts_s: float | None,
    users: int,
    rate: float,
    outstanding: int,
    nodes: int,
    data: Path | None,
    json_file: IO[str] | None,
) -> None:
    """Kill, freeze and starve a stack under load; then prove that nothing was lost or doubled."""
    try:
        kinds = select_kinds(only)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if not only:
        kinds = _possible(kinds)
    settings = ChaosSettings(
        *(kinds, seed, faults, every_s, lasts_s, users, rate, outstanding, nodes)
    )
    sys.exit(run(lambda reactor: _chaos(reactor, settings, data, json_file)))


def _possible(kinds: Sequence[Kind]) -> list[Kind]:
    """The kinds that this machine lets us inflict; says which it does not, and why."""
    reasons = {}
    if faketime_library() is None:
        reasons[Action.CLOCK] = "libfaketime is not installed (Debian: apt-get install faketime)"
    if os.geteuid() != 0:
        reasons[Action.DISK] = "only root may mount a small disk"
    for action, reason in reasons.items():
        click.echo(f"daytrade: {action} is left out: {reason}", err=True)
    return [kind for kind in kinds if kind.action not in reasons]


async def _chaos(
    reactor: Any, settings: ChaosSettings, data: Path | None, json_file: IO[str] | None
) -> int:
    console = Console(width=_WIDTH)
    directory = TemporaryDataDirectory() if data is None else DataDirectory(data)
    with directory:
        chaos_run = ChaosRun(reactor, directory, settings, tell_exit)
        report = await chaos_run.run(
            lambda lines: progress_on(Console(stderr=True), reactor, lines)
        )
    if json_file is not None:
        json.dump(to_json(report), json_file, indent=2)
    print_table(report.rows, console)
    print_check(report.check, console)
    return 0 if is_good(report) else 1


@click.command()
@click.option("--clients", type=click.IntRange(1, 400), default=200, show_default=True)
@click.option("--commands", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def contention(clients: int, commands: int, seed: int) -> None:
    """Let many clients race at one account over two nodes; then prove that the sums are exact."""
    sys.exit(run(lambda reactor: _contention(reactor, clients, commands, seed)))


async def _contention(reactor: Any, clients: int, commands: int, seed: int) -> int:
    with TemporaryDataDirectory() as directory:
        report = await Contention(reactor, directory, tell_exit).run(
            *(clients, commands, seed),
            lambda: progress_on(Console(stderr=True), reactor, commands),
        )
    print_check(report, Console(width=_WIDTH))
    return 1 if report.problems or report.verdict.unresolved else 0


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="The stack's directory; the stack must be stopped.",
)
@click.option(
    "--history",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="What the client noted, as `workload run --history` writes it.",
)
@click.option("--database", metavar="DSN", help="A Postgres that runs, instead of the stack's own.")
def check(data: Path, history: Path, database: str | None) -> None:
    """Compare a client's history with the ledger and the audit log, command by command.

    The history must be of everybody who ever sent a command to this stack.
    """
    sys.exit(run(lambda reactor: _check(reactor, data, history, database)))


async def _check(reactor: Any, data: Path, history: Path, database: str | None) -> int:
    try:
        exchanges = read_history(history)
    except HistoryError as error:
        raise StackError(str(error)) from None
    with DataDirectory(data) as directory:
        stack = LocalStack(reactor, directory, StackSettings(database=database), tell_exit)
        try:
            await stack.start_database()
            report = await check_run(stack.store, audit_path(directory), exchanges)
        finally:
            await stack.stop()
    print_check(report, Console(width=_WIDTH))
    return 1 if report.problems or report.verdict.unresolved else 0
