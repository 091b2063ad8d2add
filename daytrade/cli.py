"""The `daytrade` command.

One file per group of sub-commands; this one has those that are about the stack as a whole.
"""

import sys
from pathlib import Path
from typing import Any

import click

from benchmarks.command import bench
from daytrade.audit_commands import audit
from daytrade.certs_command import certs
from daytrade.chaos_commands import chaos, check, contention
from daytrade.config_command import config, take_settings
from daytrade.console_command import console
from daytrade.data_directory import DataDirectory, TemporaryDataDirectory
from daytrade.demo import demonstrate
from daytrade.local_run import tell_exit
from daytrade.restore_commands import backup, restore
from daytrade.running import run
from daytrade.settings import Settings
from daytrade.stack import LocalStack, client_endpoint
from daytrade.stack_settings import StackSettings
from daytrade.workload_commands import workload
from protocol.authentication import AccessRole
from quote_proxy.delays import parse_delay

BASE_PORT = 12_100
METRICS_OFFSET = 50


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="daytrade")
def main() -> None:
    """DayTrade: a day-trading back end that proves what it did."""


main.add_command(workload)
main.add_command(backup)
main.add_command(restore)
main.add_command(audit)
main.add_command(bench)
main.add_command(certs)
main.add_command(config)
main.add_command(console)
main.add_command(check)
main.add_command(chaos)
main.add_command(contention)


@main.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=take_settings,
    help="File with settings, which the other options go before.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory that keeps everything.",
)
@click.option("--nodes", type=click.IntRange(1, 16), default=1, show_default=True)
@click.option("--database", metavar="DSN", help="A Postgres of yours instead of the embedded one.")
@click.option("--legacy", metavar="ENDPOINT", help="A quote server of yours instead of its double.")
@click.option(
    "--legacy-delay",
    default="none",
    show_default=True,
    callback=lambda _context, _option, value: checked_delay(value),
    help="The double's delay: none, course, or seconds.",
)
@click.option("--redis", metavar="ENDPOINT", help="A Redis where prices outlive a quote proxy.")
@click.option(
    "--port", type=click.IntRange(1024, 32_000), default=BASE_PORT, show_default=True,
    help="The first node's port; the other services follow.",
)  # fmt: skip
@click.option("--tls", is_flag=True, help="Let the services speak TLS 1.3 with each other.")
@click.option(
    "--metrics-port", type=click.IntRange(0, 32_000),
    help="The first port for Prometheus; the services follow.  [default: --port plus 50; 0: none]",
)  # fmt: skip
@click.option(
    "--web-clients", type=click.IntRange(0, 16), default=1, show_default=True,
    help="Web clients, each at an address of its own.",
)  # fmt: skip
@click.pass_obj
def up(
    from_file: Settings,
    data: Path | None,
    nodes: int,
    database: str | None,
    legacy: str | None,
    legacy_delay: str,
    redis: str | None,
    port: int,
    metrics_port: int | None,
    tls: bool,
    web_clients: int,
) -> None:
    """Run the stack until it is stopped with Ctrl-C."""
    settings = StackSettings(
        nodes=nodes,
        database=database,
        legacy=legacy,
        legacy_delay=legacy_delay,
        redis=redis,
        base_port=port,
        metrics_port=port + METRICS_OFFSET if metrics_port is None else metrics_port or None,
        trigger_services=2,
        web_clients=web_clients,
        console=True,
        tls=tls,
        limits=from_file.limits,
        console_settings=from_file.console,
    )
    sys.exit(run(lambda reactor: _up(reactor, data, settings)))


async def _up(reactor: Any, data: Path | None, settings: StackSettings) -> int:
    from twisted.internet.defer import CancelledError, Deferred

    if settings.legacy is not None:
        client_endpoint(reactor, "--legacy", settings.legacy)
    if settings.redis is not None:
        client_endpoint(reactor, "--redis", settings.redis)
    directory = TemporaryDataDirectory() if data is None else DataDirectory(data)
    with directory:
        stack = LocalStack(reactor, directory, settings, tell_exit)
        try:
            await stack.start()
            click.echo(_addresses(stack, directory))
            await Deferred()
        except CancelledError:
            click.echo("stopping ...", err=True)
        finally:
            await stack.stop()
    return 0


def _addresses(stack: LocalStack, directory: DataDirectory) -> str:
    lines = [f"{name:<16} {address}" for name, address in stack.addresses.nodes.items()]
    lines.append(f"{'audit':<16} {stack.addresses.audit}")
    lines += [f"{name:<16} {address}" for name, address in stack.addresses.quotes.items()]
    lines.append(f"{'legacy quotes':<16} {stack.addresses.legacy}")
    if stack.addresses.control is not None:
        lines.append(f"{'  its control':<16} {stack.addresses.control}")
    if stack.addresses.console is not None:
        lines.append(f"{'console':<16} {stack.addresses.console}")
    if stack.addresses.metrics:
        ports = [address.rpartition(":")[2] for address in stack.addresses.metrics.values()]
        lines.append(f"{'metrics':<16} http://127.0.0.1:{ports[0]}/metrics to {ports[-1]}")
    lines.append(f"{'Postgres':<16} {stack.dsn}")
    lines.append(f"{'passwords':<16} {directory.secrets_dir}")
    lines.append(f"{'logs':<16} {directory.logs_dir}")
    if stack.settings.tls:
        lines.append(f"{'certificates':<16} {directory.tls_dir}")
    for name, address in stack.addresses.web.items():
        scheme = "https://" if stack.settings.tls else "http://"
        lines.append(f"{name:<16} {address.replace('tcp:', scheme, 1)}")
    if stack.is_new and stack.addresses.web:
        password = stack.credential(AccessRole.ADMINISTRATOR).password
        lines.append(f"{'administrator':<16} {password}  (the password, told only this once)")
    return "\n".join([*lines, "ready; Ctrl-C stops everything"])


def checked_delay(text: str) -> str:
    """A delay as the double understands it; raises `click.BadParameter`."""
    try:
        parse_delay(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text


@main.command()
def demo() -> None:
    """Start everything, play a workload, and prove that the log tells what the ledger holds."""
    sys.exit(run(demonstrate))


if __name__ == "__main__":
    main()
