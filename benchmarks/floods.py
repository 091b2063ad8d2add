"""Slow, silent, never-reading and flooding clients, and what good users notice of them.

Against a stack that runs (RELIABILITY tests R6 and R7): `python -m benchmarks.floods --help`. The
good users are a workload at a fixed rate; printed is how many times their p99 grows.
"""

import json
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import click
from msgspec import Struct

from protocol.authentication import ClientLogIn
from protocol.connection import Connection, hello
from protocol.messages import DisplaySummary, LogInChallenge
from protocol.states import Role
from service.credentials import Credential, read_credential

_LOG_IN_ID = b"log-in".ljust(16)
FLOOD_S = 10.0
_ASKED = 2_000
"""Summaries that a never-reading client asks for: far more than a socket holds."""


class Nuisance(Struct):
    """What bad clients met with.

    :ivar opened: connections that the server took.
    :ivar refused: attempts that it did not take at all.
    :ivar ended: connections that the server has ended.
    """

    opened: int = 0
    refused: int = 0
    ended: int = 0


class BadClients:
    """Connections that do no good; what becomes of them is watched in a thread of their own.

    :ivar met: counted all the while.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = Event()
        self._watched = selectors.DefaultSelector()
        self._rests: dict[socket.socket, bytes] = {}
        self._watch = Thread(target=self._dribble, daemon=True)
        self.met = Nuisance()

    def start(self) -> None:
        """Begin to watch, and to send a byte a second of each that has one."""
        self._watch.start()

    def connect(self, rest: bytes = b"") -> socket.socket | None:
        """Open a connection; of `rest` a byte leaves each second."""
        try:
            bad = socket.create_connection(("127.0.0.1", self._port), 5.0)
        except OSError:
            self.met.refused += 1
            return None
        self.met.opened += 1
        bad.setblocking(False)
        self._rests[bad] = rest
        self._watched.register(bad, selectors.EVENT_READ)
        return bad

    def never_read(self, credential: Credential) -> None:
        """Log in, ask for very much, and read nothing of it."""
        bad = socket.create_connection(("127.0.0.1", self._port), 5.0)
        bad.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection = Connection(Role.CLIENT)
        exchange = ClientLogIn(credential.name, credential.password)
        bad.sendall(connection.send(hello("bad")))
        list(connection.receive(bad.recv(1 << 16)))
        bad.sendall(connection.send(exchange.first(), _LOG_IN_ID))
        ((_, challenge),) = connection.receive(bad.recv(1 << 16))
        assert isinstance(challenge, LogInChallenge)
        bad.sendall(connection.send(exchange.prove(challenge), _LOG_IN_ID))
        list(connection.receive(bad.recv(1 << 16)))
        asked = [
            connection.send(DisplaySummary("nobody", 1), number.to_bytes(16, "big"))
            for number in range(1, _ASKED + 1)
        ]
        bad.setblocking(False)
        with suppress(BlockingIOError):
            bad.sendall(b"".join(asked))
        self.met.opened += 1
        self._rests[bad] = b""

    def _dribble(self) -> None:
        while not self._stop.wait(1.0):
            for key, _ in self._watched.select(0):
                self._take_note(key.fileobj)  # type: ignore[arg-type]
            for bad, rest in list(self._rests.items()):
                if rest:
                    with suppress(OSError):
                        bad.send(rest[:1])
                    self._rests[bad] = rest[1:]

    def _take_note(self, bad: socket.socket) -> None:
        try:
            is_ended = not bad.recv(4_096)
        except BlockingIOError:
            return
        except OSError:
            is_ended = True
        if is_ended:
            self.met.ended += 1
            self._watched.unregister(bad)
            self._rests.pop(bad, None)
            bad.close()

    def close(self) -> None:
        """End all that is left; nobody may be connecting any more."""
        self._stop.set()
        self._watch.join()
        for bad in self._rests:
            bad.close()


@contextmanager
def slow_clients(port: int, count: int, credential: Credential) -> Iterator[Nuisance]:
    """Half-open, dribbling and never-reading clients, while the block runs."""
    bad = BadClients(port)
    frame = Connection(Role.CLIENT).send(hello("x" * 200))
    for number in range(count):
        bad.connect(frame if number % 2 else b"")
    for _ in range(min(10, count)):
        bad.never_read(credential)
    bad.start()
    try:
        yield bad.met
    finally:
        bad.close()


@contextmanager
def connection_flood(port: int, per_s: int) -> Iterator[Nuisance]:
    """New connections for `FLOOD_S` seconds, unless the block ends before; each is left open."""
    bad = BadClients(port)
    stop = Event()

    def flood() -> None:
        end_s = time.monotonic() + FLOOD_S
        while not stop.is_set() and time.monotonic() < end_s:
            begun_s = time.monotonic()
            for _ in range(per_s // 10):
                if not stop.is_set():
                    bad.connect()
            time.sleep(max(0.0, 0.1 - (time.monotonic() - begun_s)))

    flooding = Thread(target=flood, daemon=True)
    bad.start()
    flooding.start()
    try:
        yield bad.met
    finally:
        stop.set()
        flooding.join()
        bad.close()


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


@click.command()
@click.option("--port", type=int, required=True, help="A node's, on this machine.")
@click.option("--password-file", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--slow", default=2_000, show_default=True, help="Slow clients at a time.")
@click.option("--flood", default=1_000, show_default=True, help="New connections a second.")
@click.option("--commands", default=10_000, show_default=True, help="Of the good users, each time.")
@click.option("--rate", default=500, show_default=True, help="Their commands a second.")
def main(port: int, password_file: Path, slow: int, flood: int, commands: int, rate: int) -> None:
    """Print what floods do to the latency of good users."""
    good = GoodUsers(port, password_file, commands, rate)
    credential = read_credential(password_file)
    quiet_ms = good.p99_ms(1)
    click.echo(f"quiet        p99 {quiet_ms:8.1f} ms")
    tests: dict[str, Callable[[], AbstractContextManager[Nuisance]]] = {
        "slow": lambda: slow_clients(port, slow, credential),
        "flood": lambda: connection_flood(port, flood),
    }
    for seed, (name, nuisance) in enumerate(tests.items(), 2):
        with nuisance() as met:
            p99_ms = good.p99_ms(seed)
        click.echo(
            f"{name:<12} p99 {p99_ms:8.1f} ms  {p99_ms / quiet_ms:5.2f} times; bad clients: "
            f"{met.opened} opened, {met.refused} refused, {met.ended} ended by the server"
        )


if __name__ == "__main__":
    main()
