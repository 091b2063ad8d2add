"""A real Redis behind the quote proxy: who is started again does not pay again."""

import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytrade.ports import FreePorts
from protocol.messages import QuoteRequest, Receipt
from tests.e2e.process_table import pid_of, wait_until
from tests.e2e.stack import RunningStack, running_stack

REDIS = shutil.which("redis-server")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.postgres,
    pytest.mark.skipif(REDIS is None, reason="redis-server is not installed"),
]


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0):
            return True
    except OSError:
        return False


@pytest.fixture
def redis(directory: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A Redis that keeps nothing on disk, and its port."""
    port = FreePorts(random.Random(), 13_000, 30_000).take()
    arguments = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    process = subprocess.Popen(
        [str(REDIS), *arguments, "--dir", str(directory)],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: answers(port), "Redis answers")
    yield process, port
    process.kill()
    process.wait()


def quote(stack: RunningStack, node: str) -> Receipt:
    """Show the price at a node, and return the answer."""
    with stack.client(node) as client:
        receipt = client.ask(QuoteRequest("ann", 1, "RED"))
    assert isinstance(receipt, Receipt), receipt
    return receipt


def hits(stack: RunningStack) -> int:
    """How often the price was paid for."""
    told = [word for word in stack.tell_double("hits").split() if word.startswith("RED=")]
    return int(told[0].removeprefix("RED=")) if told else 0


def connections(port: int) -> int:
    """How many clients are connected to a port, by the kernel's list."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def replace_proxy(stack: RunningStack) -> None:
    """Kill the proxy, and wait until all have found the one that is started in its place."""
    port = stack.port("quotes-1")
    clients = connections(port)
    assert clients > 0
    old = pid_of(stack.data, "--name", "quotes-1")
    assert old is not None
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: pid_of(stack.data, "--name", "quotes-1") not in (None, old), "another one")
    wait_until(lambda: connections(port) == clients, "all are connected again")


def test_a_proxy_that_was_killed_finds_its_prices_again_and_without_redis_pays_once_more(
    directory: Path, redis: tuple["subprocess.Popen[bytes]", int]
) -> None:
    process, port = redis
    with running_stack(directory, "--redis", f"tcp:127.0.0.1:{port}", nodes=3) as stack:
        first = quote(stack, "node-1")
        replace_proxy(stack)
        again = quote(stack, "node-2")
        assert (again.price_cents, again.quoted_ms) == (first.price_cents, first.quoted_ms)
        assert hits(stack) == 1
        process.kill()
        process.wait()
        replace_proxy(stack)
        later = quote(stack, "node-3")
        assert later.quoted_ms > first.quoted_ms
        assert hits(stack) == 2
