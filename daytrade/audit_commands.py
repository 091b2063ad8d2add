"""`daytrade audit`: the log of a stack as XML, and whether it is whole and true."""

import sys
from pathlib import Path
from typing import IO, Any

import click
from twisted.internet.threads import deferToThread

from audit.reading import read_security
from audit.security import escaped
from daytrade.data_directory import DataDirectory
from daytrade.running import run
from daytrade.stack import LocalStack
from daytrade.stack_services import StackSettings
from daytrade.verification import check_log, read_ledger, write_log

_DATA = click.option(
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
@_DATA
def dump(file: IO[bytes], user: str, data: Path) -> None:
    """Write the log as XML into FILE; the stack may be running."""
    records = write_log(_audit_path(data), user, file)
    click.echo(f"{records} records", err=True)


@audit.command()
@_DATA
def verify(data: Path) -> None:
    """Compare the log with itself, the schema and the ledger; the stack must be stopped."""
    path = _audit_path(data)
    sys.exit(run(lambda reactor: _verify(reactor, data, path)))


@audit.command()
@click.option("--actor", default="", help="Only what this name did or tried.")
@_DATA
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


async def _verify(reactor: Any, data: Path, path: Path) -> int:
    with DataDirectory(data) as directory:
        stack = LocalStack(reactor, directory, StackSettings(), lambda _name, _status: None)
        try:
            await stack.start_database()
            ledger = await read_ledger(stack.store)
            report = await deferToThread(check_log, path, ledger)
        finally:
            await stack.stop()
    for finding in report.findings:
        click.echo(f"WRONG: {finding.kind.value}: {finding.where}: {finding.what}")
    entries = sum(ledger.positions.values())
    if report.findings:
        return 1
    click.echo(
        f"{entries} journal entries, {report.records} records, {len(ledger.balances)} users:"
    )
    click.echo("the log is whole, valid by the schema, and equal to the ledger")
    return 0
