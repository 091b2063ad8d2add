"""`twistd trade-audit`: options, a start that keeps a log, and a loud end where it cannot."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from twisted.python.usage import UsageError

from audit.database import Addition, Database
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


def daemon(store: Path, accept: Path, *words: str) -> "subprocess.Popen[str]":
    """A daemon of its own, which ends with its standard input."""
    return subprocess.Popen(
        [sys.executable, "-m", "twisted.scripts.twistd", "--nodaemon", "--pidfile=", "trade-audit"]
        + ["--lifeline", "--store", str(store), "--accept", str(accept), *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
