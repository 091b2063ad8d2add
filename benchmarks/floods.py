"""What good users notice of slow, silent, never-reading and flooding clients.

Against a stack that runs (RELIABILITY tests R6 and R7): `python -m benchmarks.floods --help`. The
good users are a workload at a fixed rate; printed is how many times their p99 grows. The clients of
a flood take processor time too, so the same flood at a socket that is none of the stack's is told
beside it. A storm is the good clients' own: all are cut off in a flood, and come back at once.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import click

from benchmarks.bad_clients import Nuisance, connection_flood, slow_clients, socket_elsewhere
from benchmarks.session import Session
from service.credentials import Credential, read_credential

_AGAIN_S = 0.1
_FLOODED_S = 5.0
"""How long a flood has gone on when the good clients are cut off."""


class GoodUsers:
    """A workload of 100 users at a fixed rate, played by the `daytrade` command."""

    def __init__(self, port: int, password_file: Path, commands: int, per_s: int) -> None:
        self._port = port
        self._password_file = password_file
        self._commands = commands
        self._per_s = per_s

    def p99_ms(self, seed: int) -> float:
        """Play a workload, and return the 99th percentile of its latency; raises where a command
        failed.
        """
        daytrade = Path(sys.executable).with_name("daytrade")
        with tempfile.TemporaryDirectory() as directory:
            file, result = Path(directory, "workload"), Path(directory, "result.json")
            size = ("--users", "100", "--commands", str(self._commands), "--seed", str(seed))
            subprocess.run([daytrade, "workload", "synth", *size, "-o", file], check=True)
            to = ("--to", f"tcp:127.0.0.1:{self._port}", "--password-file", self._password_file)
            rate = ("--rate", str(self._per_s), "--json", result)
            subprocess.run(
                [daytrade, "workload", "run", file, *to, *rate],
                check=True,
                capture_output=True,
            )
            told = json.loads(result.read_text())
        assert told["unknown"] == 0
        return float(told["latency_ms"]["p99"])


class GoodClients:
    """Clients that are logged in, each with a connection of its own."""

    def __init__(self, port: int, credential: Credential, count: int) -> None:
        self._address = f"tcp:127.0.0.1:{port}"
        self._credential = credential
        self._sessions = [self._log_in() for _ in range(count)]

    def _log_in(self) -> Session:
        """Log in, however often it takes."""
        while True:
            try:
                return Session(self._address, self._credential.name, self._credential.password)
            except OSError:
                time.sleep(_AGAIN_S)

    def reconnect(self) -> list[float]:
        """Cut all off and let all come back at once; returns how many seconds each took, the
        longest last.
        """
        self.close()
        begun_s = time.monotonic()

        def come_back(_: int) -> tuple[Session, float]:
            return self._log_in(), time.monotonic() - begun_s

        with ThreadPoolExecutor(len(self._sessions)) as everybody:
            back = list(everybody.map(come_back, range(len(self._sessions))))
        self._sessions = [session for session, _ in back]
        return sorted(took_s for _, took_s in back)

    def close(self) -> None:
        """End all connections."""
        for session in self._sessions:
            session.close()


@contextmanager
def flood_elsewhere(per_s: int) -> Iterator[Nuisance]:
    """A flood that is not the stack's."""
    with socket_elsewhere() as port, connection_flood(port, per_s) as met:
        yield met


@click.command()
@click.option("--port", type=int, required=True, help="A node's, on this machine.")
@click.option("--password-file", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--slow", default=2_000, show_default=True, help="Slow clients at a time.")
@click.option("--flood", default=1_000, show_default=True, help="New connections a second.")
@click.option("--commands", default=10_000, show_default=True, help="Of the good users, each time.")
@click.option("--rate", default=500, show_default=True, help="Their commands a second.")
@click.option("--clients", default=100, show_default=True, help="That are cut off at once.")
def main(
    port: int,
    password_file: Path,
    slow: int,
    flood: int,
    commands: int,
    rate: int,
    clients: int,
) -> None:
    """Print what floods do to the latency of good users."""
    good = GoodUsers(port, password_file, commands, rate)
    credential = read_credential(password_file)
    good.p99_ms(0)  # The first one finds nothing cached.
    quiet_ms = good.p99_ms(1)
    click.echo(f"quiet            p99 {quiet_ms:8.1f} ms")
    tests: dict[str, AbstractContextManager[Nuisance]] = {
        "slow": slow_clients(port, slow, credential),
        "flood elsewhere": flood_elsewhere(flood),
        "flood": connection_flood(port, flood),
    }
    for seed, (name, nuisance) in enumerate(tests.items(), 2):
        with nuisance as met:
            p99_ms = good.p99_ms(seed)
        click.echo(
            f"{name:<16} p99 {p99_ms:8.1f} ms  {p99_ms / quiet_ms:5.2f} times; bad clients: "
            f"{met.opened} opened, {met.refused} refused, {met.ended} ended by the server"
        )
    crowd = GoodClients(port, credential, clients)
    with connection_flood(port, flood):
        time.sleep(_FLOODED_S)
        took_s = crowd.reconnect()
    crowd.close()
    click.echo(
        f"storm            {clients} clients cut off in a flood are back after "
        f"{took_s[len(took_s) // 2]:.1f} s (p50), {took_s[-1]:.1f} s (all)"
    )


if __name__ == "__main__":
    main()
