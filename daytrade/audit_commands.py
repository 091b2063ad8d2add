"""`daytrade audit`: the log of a stack as XML, and whether it is whole and true."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import click
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from audit.reading import read_security
from audit.security import escaped
from daytrade.data_directory import DataDirectory
from daytrade.running import run
from daytrade.stack import LocalStack
from daytrade.stack_settings import StackSettings
from daytrade.tamper_check import verify_stack
from daytrade.verification import write_log

T = TypeVar("T")

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="The stack's directory.",
)


@click.group()
def audit() -> None:
    """Read a stack's audit log."""


@audit.command()
@click.argument("file", type=click.File("wb"))
@click.option("--user", default="", help="Only this user's records.")
@data_option
def dump(file: IO[bytes], user: str, data: Path) -> None:
    """Write the log as XML into FILE; the stack may be running."""
    records = write_log(_audit_path(data), user, file)
    click.echo(f"{records} records", err=True)


@audit.command()
@data_option
def verify(data: Path) -> None:
    """Compare the log with its chain of hashes, its signed heads, the schema, the journal and the
    ledger; the stack must be stopped.
    """
    _audit_path(data)
    sys.exit(run(lambda reactor: verify_directory(reactor, data)))


@audit.command()
@click.option("--actor", default="", help="Only what this name did or tried.")
@data_option
def security(actor: str, data: Path) -> None:
    """Tell who logged in, and what operators and administrators did; the stack may be running."""
    for event in read_security(_audit_path(data)):
        if not actor or event.actor == escaped(actor):
            click.echo(event.line)


def _audit_path(data: Path) -> Path:
    path = data / "audit" / "audit.sqlite"
    if not path.exists():
        raise click.ClickException(f"{data} has no audit log: is it a stack's directory?")
    return path


def _in_thread(work: Callable[[], T]) -> Deferred[T]:
    return deferToThread(work)


async def verify_directory(reactor: Any, data: Path) -> int:
    """Verify a stopped stack, tell what was found, and return the exit code."""
    with DataDirectory(data) as directory:
        stack = LocalStack(reactor, directory, StackSettings(), lambda _name, _status: None)
        try:
            await stack.start_database()
            verdict = await verify_stack(
                reactor, lambda work: deferToThread(work), stack.store, stack.dsn, directory
            )
        finally:
            await stack.stop()
    for finding in verdict.findings:
        click.echo(f"WRONG: {finding.kind.value}: {finding.where}: {finding.what}")
    if verdict.findings:
        return 1
    click.echo(
        f"{verdict.entries} journal entries, {verdict.records} records, {verdict.users} users:"
    )
    click.echo("the log is whole, valid by the schema, and equal to the ledger")
    click.echo(
        f"{verdict.rows} rows are chained without a break, {verdict.heads} signed heads fit them,"
        f" the newest at row {verdict.signed_row}"
    )
    return 0
