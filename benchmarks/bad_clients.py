"""Slow, silent, never-reading and flooding clients.

Used by `benchmarks.floods` and its short form in the tests.
"""

import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EINPROGRESS
from threading import Event, Thread

from msgspec import Struct

from protocol.authentication import ClientLogIn
from protocol.connection import Connection, hello
from protocol.messages import DisplaySummary, LogInChallenge
from protocol.states import Role
from service.credentials import Credential

_LOG_IN_ID = b"log-in".ljust(16)
_TICK_S = 0.1
_KEPT = 1_024
_ASKED = 2_000
"""Summaries that a never-reading client asks for: far more than a socket holds."""


class Nuisance(Struct):
    """What bad clients met with.

    :ivar opened: connections that were asked for.
    :ivar refused: those that the machine did not even try.
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

    def connect(self, rest: bytes = b"") -> None:
        """Ask for a connection; of `rest` a byte leaves each second, once it is there."""
        bad = socket.socket()
        bad.setblocking(False)
        if bad.connect_ex(("127.0.0.1", self._port)) not in (0, EINPROGRESS):
            self.met.refused += 1
            bad.close()
            return
        self.met.opened += 1
        self._rests[bad] = rest
        self._watched.register(bad, selectors.EVENT_READ)

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
    """So many new connections a second, while the block runs; each is left open."""
    bad = BadClients(port)
    stop = Event()

    def flood() -> None:
        due_s = time.monotonic()
        while not stop.is_set():
            for _ in range(int(per_s * _TICK_S)):
                bad.connect()
            due_s += _TICK_S
            time.sleep(max(0.0, due_s - time.monotonic()))

    flooding = Thread(target=flood, daemon=True)
    bad.start()
    flooding.start()
    try:
        yield bad.met
    finally:
        stop.set()
        flooding.join()
        bad.close()


@contextmanager
def socket_elsewhere() -> Iterator[int]:
    """The port of a socket that has nothing to do with the stack, and takes whoever comes."""
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as server:

        def take() -> None:
            taken = []
            with suppress(OSError):
                while True:
                    taken.append(server.accept()[0])
                    if len(taken) > _KEPT:
                        taken.pop(0).close()
            for each in taken:
                each.close()

        taking = Thread(target=take, daemon=True)
        taking.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        taking.join()
