"""`daytrade workload`: make workload files, and play them."""

import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from daytrade.errors import StackError
from daytrade.local_run import LocalReport, RunOptions, run_locally
from daytrade.running import run as run_reactor
from daytrade.stack import client_endpoint
from daytrade.stack_settings import StackSettings
from generator.driver import Pace
from generator.dumplogs import DumpLogs
from generator.history import HistoryError, HistoryFile, Unanswered, read_history
from generator.ids import CommandIds
from generator.play import Play
from generator.progress import Progress, progress_on
from generator.report import print_report
from generator.result import RunResult
from generator.synthesizer import synthesize
from generator.workload import Line, Problem, read_workload, write_lines
from protocol.authentication import AccessRole
from protocol.errors import TradeError
from quote_proxy.delays import parse_delay
from service.credentials import Credential, CredentialsError, read_credential
from service.time import wall_ms

EXIT_WRONG = 1
_PROBLEMS_SHOWN = 20


@click.group()
def workload() -> None:
    """Make workload files, and play them."""


@workload.command()
@click.option("--users", type=click.IntRange(1), required=True)
@click.option("--commands", type=click.IntRange(1), required=True)
@click.option(
    "--symbols", type=click.IntRange(1), help="Stocks traded, where the users' number does not say."
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("-o", "--output", type=click.File("w"), default="-", help="The file to write.")
def synth(users: int, commands: int, symbols: int | None, seed: int, output: Any) -> None:
    """Make a workload file in the course's format and mix."""
    try:
        output.writelines(write_lines(synthesize(users, commands, seed, symbols=symbols)))
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@workload.command("run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--local", is_flag=True, help="Start a throwaway stack for this run.")
@click.option("--to", multiple=True, metavar="ENDPOINT", help="A node, as tcp:HOST:PORT.")
@click.option("--user", help="With --to: the name to log in with.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help="With --to: the password, or a stack's secrets/NAME.json.",
)
@click.option("--nodes", type=click.IntRange(1, 16), default=1, show_default=True)
@click.option(
    "--legacy-delay",
    default="none",
    show_default=True,
    metavar="DELAY",
    help="With --local: none, course, or seconds.",
)
@click.option(
    "--outstanding",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Commands of one user that may wait for their answer.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Commands of all users together that fall due each second, come what may.",
)
@click.option(
    "--history",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --to: note here every command before it is sent, and its end; a run that was cut "
    "short goes on where the file ends, under the same ids.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(allow_dash=True),
    callback=lambda _context, _option, value: _writable(value),
    help="Write figures as JSON.",
)
@click.option(
    "--dumplog-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep DUMPLOG files here.",
)
@click.option("--strict", is_flag=True, help="Stop at the first line that cannot be read.")
def run(
    file: Path,
    local: bool,
    to: Sequence[str],
    user: str | None,
    password_file: Path | None,
    nodes: int,
    legacy_delay: str,
    outstanding: int,
    rate: float | None,
    history: Path | None,
    json_file: str | None,
    dumplog_dir: Path | None,
    strict: bool,
) -> None:  # fmt: skip
    """Play a workload FILE over running nodes (--to), or over a stack of its own (--local)."""
    if local == bool(to):
        raise click.UsageError("say either --local or --to ENDPOINT")
    if local and history is not None:
        raise click.UsageError("--history is for nodes that are still there afterwards: use --to")
    lines = _read(file, strict)
    options = RunOptions(Pace(outstanding, rate), dumplog_dir, history)
    if local:
        try:
            parse_delay(legacy_delay)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--legacy-delay") from None
        settings = StackSettings(nodes=nodes, legacy_delay=legacy_delay)
        code = run_reactor(lambda reactor: _run_local(reactor, lines, settings, options, json_file))
    else:
        credential = _credential(user, password_file)
        code = run_reactor(
            lambda reactor: _run_remote(reactor, lines, to, credential, options, json_file)
        )
    sys.exit(code)


def _writable(file: str | None) -> str | None:
    """Try a file before the run, so that what the run shows is not lost after it."""
    if file is not None and file != "-":
        try:
            Path(file).open("a").close()
        except OSError as error:
            raise click.BadParameter(f"{file}: {error.strerror}") from None
    return file


def _read(file: Path, strict: bool) -> list[Line]:
    """Read the file, telling what in it makes no sense; stops the command where nothing can be."""
    problems: list[Problem] = []
    try:
        lines = read_workload(file, strict=strict, on_problem=problems.append)
    except TradeError as error:
        raise click.ClickException(error.message) from None
    for problem in problems[:_PROBLEMS_SHOWN]:
        click.echo(str(problem), err=True)
    if len(problems) > _PROBLEMS_SHOWN:
        click.echo(f"... and {len(problems) - _PROBLEMS_SHOWN} more", err=True)
    if not lines:
        raise click.ClickException(f"{file}: not one command")
    return lines


def _credential(user: str | None, password_file: Path | None) -> Credential:
    """Who to log in as: a name with a password, or what a stack wrote into its secrets folder."""
    if password_file is None:
        raise click.UsageError("--to needs --password-file")
    try:
        return read_credential(password_file)
    except CredentialsError:
        pass
    try:
        password = password_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"cannot read {password_file}: {error}") from None
    if user is None:
        raise click.UsageError("--password-file holds a password alone: say --user too")
    return Credential(user, password, AccessRole.WORKLOAD)


async def _run_local(
    reactor: Any,
    lines: list[Line],
    settings: StackSettings,
    options: RunOptions,
    json_file: str | None,
) -> int:
    report = await run_locally(
        reactor, lines, settings, options, lambda: _progress(reactor, len(lines))
    )
    _write_result(report.result, json_file)
    return _tell_problems(report)


def _progress(reactor: Any, total: int) -> Progress:
    return progress_on(Console(stderr=True), reactor, total)


def _tell_problems(report: LocalReport) -> int:
    problems = report.problems
    for problem in problems[:_PROBLEMS_SHOWN]:
        click.echo(f"WRONG: {problem}", err=True)
    return EXIT_WRONG if problems else 0


async def _run_remote(
    reactor: Any,
    lines: list[Line],
    to: Sequence[str],
    credential: Credential,
    options: RunOptions,
    json_file: str | None,
) -> int:
    nodes = {address: client_endpoint(reactor, "--to", address) for address in to}
    unanswered = _unanswered(options.history)
    if options.dumplog_dir is not None:
        options.dumplog_dir.mkdir(parents=True, exist_ok=True)
    play = Play(
        reactor,
        nodes,
        credential,
        None,
        CommandIds(wall_ms, os.urandom(CommandIds.RUN_BYTES)),
        DumpLogs(options.dumplog_dir),
        random.random,
        pace=options.pace,
        history=None if options.history is None else HistoryFile.at(options.history, wall_ms),
        unanswered=unanswered,
    )
    await play.run(lines, lambda: _progress(reactor, len(lines)))
    _write_result(play.result, json_file)
    return EXIT_WRONG if play.result.unknown else 0


def _unanswered(history: Path | None) -> Unanswered:
    """What an earlier play, cut short, has left to be done, as its history tells."""
    if history is None or not history.exists():
        return Unanswered(())
    try:
        return Unanswered(read_history(history))
    except HistoryError as error:
        raise StackError(str(error)) from None


def _write_result(result: RunResult, json_file: str | None) -> None:
    """Print the table; with --json -, standard output has the figures alone."""
    print_report(result, Console(stderr=json_file == "-"))
    if json_file is not None:
        with click.open_file(json_file, "w") as target:
            json.dump(result.to_json(), target, indent=2)
            target.write("\n")
