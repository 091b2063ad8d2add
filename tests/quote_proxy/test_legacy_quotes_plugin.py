"""`twistd legacy-quotes`: options, endpoints, and a loud end when the port is taken."""

import socket
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.usage import UsageError

from quote_proxy.control import ControlFactory
from quote_proxy.double import LegacyQuoteDouble
from quote_proxy.legacy_line import parse_answer
from quote_proxy.prices import Prices
from twistd_plugins.legacy_quotes import Options, makeService

ROOT = Path(__file__).parents[2]


def options(*words: str) -> Options:
    parsed = Options()
    parsed.parseOptions(words)
    return parsed


def started(*words: str) -> MemoryReactorClock:
    reactor = MemoryReactorClock()
    makeService(options(*words), reactor=reactor).startService()
    return reactor


def test_the_double_listens_on_loopback_and_has_no_control_port_by_default() -> None:
    ((port, factory, backlog, interface),) = started().tcpServers
    assert (port, interface) == (12300, "127.0.0.1")
    assert backlog >= 1000
    assert isinstance(factory, LegacyQuoteDouble)


def test_the_control_port_commands_the_double_that_listens() -> None:
    reactor = started(
        "--listen", "tcp:4444:interface=127.0.0.1", "--control", "tcp:4445:interface=127.0.0.1"
    )
    (control_port, control, *_), (quotes_port, double, *_) = reactor.tcpServers
    assert (quotes_port, control_port) == (4444, 4445)
    assert isinstance(double, LegacyQuoteDouble)
    assert isinstance(control, ControlFactory)
    commands = control.buildProtocol(None)
    commands.makeConnection(StringTransport())
    commands.lineReceived(b"price ABC 12.34")

    transport = StringTransport()
    connection = double.buildProtocol(None)
    connection.makeConnection(transport)
    connection.dataReceived(b"ABC,ann\n")
    reactor.advance(0)
    assert parse_answer(transport.value(), "ABC", "ann").price_cents == 1234


def test_delay_seed_and_step_reach_the_double() -> None:
    reactor = started("--delay", "2.5", "--seed", "7", "--step", "60")
    double = reactor.tcpServers[0][1]
    assert isinstance(double, LegacyQuoteDouble)
    assert double.delay(Random(1)) == 2.5
    walk = Prices(7, step_s=60.0)
    moments_ms = range(0, 600_000, 15_000)
    assert [double.prices.at("ABC", at_ms) for at_ms in moments_ms] == [
        walk.at("ABC", at_ms) for at_ms in moments_ms
    ]


@pytest.mark.parametrize(
    "words", [("--delay", "soon"), ("--step", "0"), ("--step", "nan"), ("--seed", "x")]
)
def test_options_that_make_no_sense_are_refused(words: tuple[str, str]) -> None:
    with pytest.raises(UsageError):
        options(*words)


@pytest.mark.e2e
def test_a_taken_port_ends_the_process_with_an_error() -> None:
    with socket.socket() as taken:
        port = _bind_below_32768(taken)
        taken.listen()
        ended = subprocess.run(
            [sys.executable, "-m", "twisted", "--log-level=error", "legacy-quotes"]
            + ["--listen", f"tcp:{port}:interface=127.0.0.1"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode != 0
    assert "Address already in use" in ended.stderr + ended.stdout


def _bind_below_32768(taken: socket.socket) -> int:
    random = Random()
    for _ in range(100):
        port = random.randrange(10_000, 32_000)
        try:
            taken.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise AssertionError("no free port found")
