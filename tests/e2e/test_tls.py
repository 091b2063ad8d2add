"""A stack whose services speak TLS: it works, and who listens on the way learns nothing."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from protocol.messages import Add, Receipt
from service.credentials import read_credential
from tests.e2e.client import Client
from tests.e2e.stack import RunningStack, daytrade, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

USER = "a-name-that-nothing-else-has"


class Wiretap:
    """Passes bytes on between a client and a server, and keeps them.

    :ivar heard: all bytes of both directions.
    """

    def __init__(self, server_port: int) -> None:
        self._server = socket.create_connection(("127.0.0.1", server_port), 10.0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heard = bytearray()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        for source, target in ((client, self._server), (self._server, client)):
            threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self.heard += data
                target.sendall(data)

    def close(self) -> None:
        """Listen no more."""
        for each in (self._listener, self._server):
            each.close()


@contextmanager
def tapped(port: int) -> Iterator[Wiretap]:
    wiretap = Wiretap(port)
    try:
        yield wiretap
    finally:
        wiretap.close()


def trade(client: Client, stack: RunningStack) -> None:
    """Log in and give one command."""
    known = read_credential(stack.secret("workload"))
    client.greet()
    assert client.log_in(known.name, known.password) == "workload"
    assert isinstance(client.ask(Add(USER, 1, 5_00)), Receipt)


def test_a_wiretap_hears_every_command_without_tls_and_none_with_it(
    directory: Path, stack: RunningStack
) -> None:
    with tapped(stack.port()) as wiretap, Client(wiretap.port) as client:
        trade(client, stack)
    assert USER.encode() in wiretap.heard
    with running_stack(directory, "--tls", "--web-clients", "0") as secured:
        roots = secured.data / "tls" / "roots"
        context = ssl.create_default_context(cafile=str(roots / "ca.pem"))
        with tapped(secured.port()) as wiretap, Client(wiretap.port, context) as client:
            trade(client, secured)
        assert len(wiretap.heard) > 1_000
        for word in (USER, "SCRAM-SHA-256", "workload", "node-1:"):
            assert word.encode() not in wiretap.heard
        refuse_old_and_nameless(secured, context)
        shown = daytrade("console", "--data", secured.data, "-c", f"user {USER}", "-c", "verify")
        assert "cash 5.00" in shown.stdout, shown.stderr
        assert "findings  0" in shown.stdout


def refuse_old_and_nameless(stack: RunningStack, context: ssl.SSLContext) -> None:
    """TLS 1.2 is refused everywhere, and a client without a certificate where services meet."""
    with pytest.raises((ssl.SSLError, OSError)), Client(stack.port("audit"), context) as client:
        client.greet()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        Client(stack.port(), context)
