"""A blocking client on the sans-IO `protocol.Connection`, as a program in any language would be.

For the end-to-end tests only. Nothing of it is shared with the project's own client.
"""

import socket
import ssl
from collections import deque
from types import TracebackType
from typing import Self
from uuid import uuid4

from protocol.authentication import ClientLogIn
from protocol.connection import Connection, Unreadable, hello
from protocol.fields import NO_ID
from protocol.messages import (
    Chunk,
    DisplaySummary,
    DumpLog,
    Error,
    LoggedIn,
    LogInChallenge,
    Message,
    Ping,
    Pong,
    Receipt,
    Summary,
    Welcome,
)
from protocol.states import Role

LOG_IN_ID = b"log-in".ljust(16)
_SILENCE_S_MAX = 20.0


class HungUp(Exception):
    """The server has closed the connection."""


class Client:
    """One connection; a server that says nothing for too long raises `TimeoutError`."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), _SILENCE_S_MAX)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname="127.0.0.1")
        self._connection = Connection(Role.CLIENT)
        self._heard: deque[tuple[bytes, Message]] = deque()

    def say(self, message: Message, request_id: bytes = NO_ID) -> None:
        """Send a message that the state of the connection allows."""
        self.say_bytes(self._connection.send(message, request_id))

    def say_bytes(self, data: bytes) -> None:
        """Send whatever a client should not send."""
        self._socket.sendall(data)

    def hear(self) -> tuple[bytes, Message]:
        """Return what the server says next; raises `HungUp`."""
        while not self._heard:
            try:
                data = self._socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                raise HungUp
            for request_id, message in self._connection.receive(data):
                assert not isinstance(message, Unreadable)
                if isinstance(message, Ping):
                    self.say(Pong(), request_id)
                else:
                    self._heard.append((request_id, message))
        return self._heard.popleft()

    def greet(self) -> Welcome:
        """Say hello."""
        self.say(hello("e2e"))
        _, welcome = self.hear()
        assert isinstance(welcome, Welcome)
        return welcome

    def log_in(self, name: str, password: str) -> str | Error:
        """Log in and return the role, or the server's refusal."""
        exchange = ClientLogIn(name, password)
        self.say(exchange.first(), LOG_IN_ID)
        _, challenge = self.hear()
        assert isinstance(challenge, LogInChallenge)
        self.say(exchange.prove(challenge), LOG_IN_ID)
        _, verdict = self.hear()
        assert isinstance(verdict, LoggedIn | Error)
        return verdict if isinstance(verdict, Error) else exchange.finish(verdict)

    def ask(
        self,
        request: Message,
        request_id: bytes | None = None,
        chunks: list[bytes] | None = None,
    ) -> Message:
        """Send a request and return its answer; the parts of a streamed one go to `chunks`."""
        request_id = request_id or uuid4().bytes
        self.say(request, request_id)
        while True:
            answered_id, message = self.hear()
            if isinstance(message, Chunk) and chunks is not None:
                chunks.append(message.data)
            elif answered_id == request_id:
                return message

    def summary(self, user: str, before_seq: int = 0) -> Summary:
        """DISPLAY_SUMMARY."""
        summary = self.ask(DisplaySummary(user, 9, before_seq))
        assert isinstance(summary, Summary)
        return summary

    def dumplog(self, user: str, filename: str = "log") -> bytes:
        """DUMPLOG, in one piece."""
        chunks: list[bytes] = []
        receipt = self.ask(DumpLog(user, 9, filename), chunks=chunks)
        assert isinstance(receipt, Receipt), receipt
        return b"".join(chunks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._socket.close()
