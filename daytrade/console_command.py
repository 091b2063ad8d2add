"""`daytrade console`: the operators' console on this terminal, or for a script."""

import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure

from console.daemons import Daemons
from console.settings import ConsoleSettings
from console.verbs import Console
from daytrade.data_directory import DAEMONS_FILE
from daytrade.running import run
from daytrade.stack import client_endpoint
from protocol.authentication import AccessRole
from protocol.errors import TradeError
from service.credentials import Credential, CredentialsError, read_credential

EXIT_REFUSED = 1


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The directory of the stack that `daytrade up` runs.",
)
@click.option("--daemons", help="Or: the daemons, as NAME=ENDPOINT separated by commas.")
@click.option(
    "--credential", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the name and password to ask by; with --data, the administrator's.",
)  # fmt: skip
@click.option("-c", "line", multiple=True, help="Carry out this line, and end; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Show answers as JSON, one on a line.")
def console(
    data: Path | None,
    daemons: str | None,
    credential: Path | None,
    line: tuple[str, ...],
    as_json: bool,
) -> None:
    """Ask the daemons of a running system; `help` shows for what.

    Without -c, lines are typed, or read from a standard input that is no terminal.
    """
    if (data is None) == (daemons is None):
        raise click.UsageError("say --data, or --daemons and --credential")
    addresses = _read_daemons(data) if data is not None else _parse_daemons(daemons or "")
    if credential is None:
        if data is None:
            raise click.UsageError("--daemons needs --credential")
        credential = data / "secrets" / "administrator.json"
    try:
        known = read_credential(credential)
    except CredentialsError as error:
        raise click.ClickException(str(error)) from None
    if known.role not in (AccessRole.OPERATOR, AccessRole.ADMINISTRATOR):
        raise click.ClickException(f"{credential} is for the role {known.role.value}")
    sys.exit(run(lambda reactor: _console(reactor, addresses, known, line, as_json)))


def _read_daemons(data: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode((data / DAEMONS_FILE).read_bytes(), type=dict[str, str])
    except (OSError, ValueError):
        raise click.ClickException(f"{data} is no directory of a running stack") from None


def _parse_daemons(text: str) -> dict[str, str]:
    parts = [part.partition("=") for part in text.split(",")]
    if not all(name and equals and address for name, equals, address in parts):
        raise click.UsageError("--daemons: write NAME=ENDPOINT,NAME=ENDPOINT")
    return {name: address for name, _, address in parts}


async def _console(
    reactor: Any,
    addresses: dict[str, str],
    credential: Credential,
    lines: Sequence[str],
    as_json: bool,
) -> int:
    endpoints = {
        name: client_endpoint(reactor, "--daemons", address) for name, address in addresses.items()
    }
    daemons = Daemons(reactor, endpoints, credential, credential.name)
    verbs = Console(reactor, daemons, credential.role)
    try:
        if not lines and sys.stdin.isatty():
            await _at_terminal(reactor, verbs)
            return 0
        typed = lines or [line.strip() for line in sys.stdin]
        codes = [await _carry_out(verbs, line, as_json) for line in typed if line]
        return max(codes, default=0)
    finally:
        await daemons.close()


async def _carry_out(verbs: Console, line: str, as_json: bool) -> int:
    try:
        verb, answer = await verbs.ask(line)
    except TradeError as refusal:
        click.echo(refusal.message, err=True)
        return EXIT_REFUSED
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        click.echo("\n".join(verb.show(answer)))
    return 0


async def _at_terminal(reactor: Any, verbs: Console) -> None:
    # Twisted's line editing takes the global reactor as it is imported.
    from console.terminal import ConsoleTerminal, terminal_on

    ended: Deferred[None] = Deferred()
    idle_s = ConsoleSettings().idle_s
    terminal = terminal_on(
        lambda: ConsoleTerminal(reactor, verbs, lambda _verb, _words: None, idle_s)
    )
    with _raw_terminal():
        StandardIO(_UntilEnd(terminal, ended), reactor=reactor)
        await ended


class _UntilEnd(Protocol):
    """Hands a terminal its keys, and tells when it has ended."""

    def __init__(self, terminal: Any, ended: "Deferred[None]") -> None:
        self._terminal = terminal
        self._ended = ended

    def connectionMade(self) -> None:
        self._terminal.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._terminal.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._terminal.connectionLost(reason)
        self._ended.callback(None)


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Get each key as it is typed."""
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
