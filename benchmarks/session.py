"""A benchmark client's connection to one node: logged in through `protocol`, then bare bytes.

Used by `benchmarks.client`. It blocks during the log-in only.
"""

import socket

from protocol.authentication import ClientLogIn
from protocol.codec import frame
from protocol.connection import Connection, Unreadable, hello
from protocol.fields import NO_ID
from protocol.framing import FrameReader
from protocol.messages import Error, LoggedIn, LogInChallenge, Message, Ping, Pong, Welcome
from protocol.states import Role

_LOG_IN_ID = b"log-in".ljust(16, b"\0")
_RECEIVE_BYTES = 1 << 18
_LOG_IN_S_MAX = 10.0


class LogInRefused(Exception):
    """The node did not let the client in; the message says why."""


class Session:
    """One connection.

    :ivar queue: bytes that leave with the next `flush`.
    """

    def __init__(self, address: str, name: str, password: str) -> None:
        """Connect to `tcp:HOST:PORT` and log in; raises `LogInRefused` and `OSError`."""
        _, host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), _LOG_IN_S_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._log_in(name, password)
        self.socket.setblocking(False)
        self._reader = FrameReader()
        self.queue: list[bytes] = []
        self._unsent = b""

    def _log_in(self, name: str, password: str) -> None:
        connection = Connection(Role.CLIENT)
        exchange = ClientLogIn(name, password)
        self.socket.sendall(connection.send(hello("daytrade bench"), NO_ID))
        while True:
            data = self.socket.recv(_RECEIVE_BYTES)
            if not data:
                raise ConnectionError("the node has closed the connection")
            for _, message in connection.receive(data):
                answer = _log_in_answer(exchange, message)
                if answer is None:
                    return
                self.socket.sendall(connection.send(answer, _LOG_IN_ID))

    def flush(self) -> bool:
        """Send what can be sent; returns whether nothing is left."""
        data = self._unsent + b"".join(self.queue)
        self.queue.clear()
        try:
            sent = self.socket.send(data) if data else 0
        except BlockingIOError:
            sent = 0
        self._unsent = data[sent:]
        return not self._unsent

    def receive(self) -> tuple[list[int], list[bytes]]:
        """The kinds and the ids of the replies that have come; raises `ConnectionError`.

        What else they say is not looked at.
        """
        data = self.socket.recv(_RECEIVE_BYTES)
        if not data:
            raise ConnectionError("the node has closed the connection")
        kinds, ids = [], []
        for kind, request_id, _ in self._reader.feed(data):
            if kind == Ping.KIND:
                self.queue.append(frame(Pong(), request_id))
            else:
                kinds.append(kind)
                ids.append(request_id)
        return kinds, ids

    def close(self) -> None:
        """End the connection."""
        self.socket.close()


def _log_in_answer(exchange: ClientLogIn, message: Message | Unreadable) -> Message | None:
    """What the client says next; None once it is logged in."""
    if isinstance(message, Welcome):
        return exchange.first()
    if isinstance(message, LogInChallenge):
        return exchange.prove(message)
    if isinstance(message, LoggedIn):
        exchange.finish(message)
        return None
    raise LogInRefused(message.message if isinstance(message, Error) else str(message))
