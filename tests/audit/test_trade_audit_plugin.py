"""`twistd trade-audit`: options, a start that keeps a log, and a loud end where it cannot."""

import socket
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from twisted.python.usage import UsageError

from audit.reading import read_entries
from daytrade.ports import FreePorts
from protocol.authentication import AccessRole, ClientLogIn
from protocol.connection import Connection, hello
from protocol.messages import (
    Append,
    Appended,
    AppendFrom,
    LoggedIn,
    LogInChallenge,
    Message,
    Welcome,
)
from protocol.states import Role
from service.credentials import Credential, write_accept_file
from tests.audit.journal import plain_entries
from tests.source_tree import ROOT
from twistd_plugins.trade_audit import Options

STREAM = "node-1/0"
NODE = Credential("node", "secret", AccessRole.NODE)
PATIENCE_S = 30.0


@pytest.fixture
def accept(tmp_path: Path) -> Path:
    """A file that lets a node in."""
    path = tmp_path / "accept.json"
    write_accept_file(path, [NODE])
    return path


def options(*words: str) -> Options:
    """Options as given on a command line."""
    parsed = Options()
    parsed.parseOptions(words)
    return parsed


def test_a_store_and_an_accept_file_are_all_that_must_be_given(accept: Path) -> None:
    parsed = options("--store", "audit.sqlite", "--accept", str(accept))
    assert parsed.store_path == Path("audit.sqlite")
    assert parsed["listen"].startswith("tcp:12200:interface=127.0.0.1")


@pytest.mark.parametrize("missing", ["--store", "--accept"])
def test_each_of_them_is_missed(accept: Path, missing: str) -> None:
    given = {"--store": "audit.sqlite", "--accept": str(accept)}
    del given[missing]
    with pytest.raises(UsageError, match=missing):
        options(*[word for pair in given.items() for word in pair])


def test_an_accept_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--accept: cannot read"):
        options("--store", "audit.sqlite", "--accept", str(tmp_path / "none"))


class BlockingClient:
    """A node on a plain socket: the protocol needs no reactor."""

    def __init__(self, address: str) -> None:
        _, host, port = address.strip().split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        self._connection = Connection(Role.CLIENT)
        assert isinstance(self.ask(hello("test")), Welcome)
        log_in = ClientLogIn(NODE.name, NODE.password)
        challenge = self.ask(log_in.first())
        assert isinstance(challenge, LogInChallenge)
        verdict = self.ask(log_in.prove(challenge))
        assert isinstance(verdict, LoggedIn)
        assert log_in.finish(verdict) == AccessRole.NODE

    def ask(self, request: Message) -> object:
        """The answer to a request."""
        self._socket.sendall(self._connection.send(request, b"1".ljust(16)))
        while True:
            data = self._socket.recv(65_536)
            assert data, "the daemon hung up"
            for _, answer in self._connection.receive(data):
                return answer

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class DaemonProcess:
    """A daemon of its own, which ends with its standard input, or when it is killed.

    :ivar output: what it has said.
    """

    def __init__(self, store: Path, accept: Path, port: int) -> None:
        twistd = "from twisted.scripts.twistd import run; run()"
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", twistd, "--nodaemon", "--pidfile=", "trade-audit", "--lifeline"]
            + ["--store", str(store), "--accept", str(accept)]
            + ["--listen", f"tcp:{port}:interface=127.0.0.1"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def client(self) -> BlockingClient:
        """A client, once the daemon is ready."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if " is ready at " in line:
                return BlockingClient(line.rpartition(" ")[2])
        raise AssertionError(self.output)

    def end(self) -> int:
        """Close its standard input, and return its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)

    def __enter__(self) -> "DaemonProcess":
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            self.process.kill()
            assert self.process.stdout is not None
            self.output += self.process.stdout.read()


@pytest.fixture
def port() -> int:
    """A free port."""
    return FreePorts(Random()).take()


@pytest.mark.e2e
def test_a_daemon_killed_after_it_answered_has_the_entries_when_it_is_back(
    tmp_path: Path, accept: Path, port: int
) -> None:
    store = tmp_path / "audit.sqlite"
    with DaemonProcess(store, accept, port) as killed:
        client = killed.client()
        assert client.ask(Append(STREAM, 1, plain_entries(1, 500))) == Appended(STREAM, 500)
        client.close()
    with DaemonProcess(store, accept, port) as restarted:
        client = restarted.client()
        assert client.ask(AppendFrom(STREAM)) == Appended(STREAM, 500)
        client.close()
        assert restarted.end() == 0
    assert len(list(read_entries(store))) == 500


@pytest.mark.e2e
def test_a_daemon_that_cannot_open_its_log_ends_with_an_error(
    tmp_path: Path, accept: Path, port: int
) -> None:
    with DaemonProcess(tmp_path / "no" / "such" / "folder", accept, port) as daemon:
        assert daemon.process.wait(PATIENCE_S) != 0
    assert "cannot be used: unable to open database file" in daemon.output
