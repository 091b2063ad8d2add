"""`daytrade backup` and `restore`: a stack's ledger kept, and brought back to any command."""

import sys
import time
from pathlib import Path

import click

from daytrade.audit_commands import data_option, verify_directory
from daytrade.backup import Backups, BaseBackup
from daytrade.data_directory import DataDirectory
from daytrade.embedded_postgres import EmbeddedPostgres
from daytrade.errors import DirectoryInUse, StackError
from daytrade.restore import Restore, Target
from daytrade.running import run
from service.time import wall_ms


@click.command()
@data_option
def backup(data: Path) -> None:
    """Copy the ledger of a stack, which may be running; from now on its WAL is archived too."""
    try:
        base = _backup(data)
    except StackError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{base.path} is complete")


def _backup(data: Path) -> BaseBackup:
    directory = DataDirectory(data)
    postgres = EmbeddedPostgres(directory.postgres_dir)
    if not postgres.cluster_dir.exists():
        raise StackError(f"{data} has no Postgres of its own: use the tools of yours")
    try:
        with directory, postgres:
            return Backups(postgres).make(wall_ms)
    except DirectoryInUse:
        return Backups(postgres).make(wall_ms)


@click.command()
@data_option
@click.option(
    "--to",
    "target",
    required=True,
    metavar="COMMAND-ID|TIME|latest",
    help="The last command to keep, or a time (ISO 8601, UTC), or all that there is.",
)
def restore(data: Path, target: str) -> None:
    """Bring the ledger of a stopped stack back, and cut its audit log to match.

    What was there before stays beside it, under other names.
    """
    try:
        wanted = Target.parse(target)
    except ValueError:
        raise click.BadParameter(f"{target} is no command id, no time and not `latest`") from None
    begun_s = time.monotonic()
    try:
        with DataDirectory(data) as directory:
            restored = Restore(directory, wanted, wall_ms).run()
    except StackError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"brought back in {time.monotonic() - begun_s:.1f} s, now verifying:")
    for stream, number in sorted(restored.positions.items()):
        click.echo(f"{stream}: up to entry {number}")
    click.echo(
        f"{restored.trimmed} entries of the command's batch were taken out again,"
        f" {restored.left_out} are in the old log only"
    )
    for path in restored.kept:
        click.echo(f"kept: {path}")
    sys.exit(run(lambda reactor: verify_directory(reactor, data)))
