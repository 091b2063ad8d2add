"""Commands through the web's JSON API beside the binary protocol, and pages, in the same run.

    python -m benchmarks.web [--users 20] [--seconds 5] [--rounds 3]

One stack, one node, one web client. Each user has one ADD outstanding, by a kept connection; rounds
of the three kinds take turns, and the ratio is that of the medians.
"""

from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any
from uuid import uuid4

import click
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from daytrade.data_directory import TemporaryDataDirectory
from daytrade.local_run import tell_exit
from daytrade.running import run
from daytrade.stack import LocalStack
from daytrade.stack_settings import StackSettings
from protocol.authentication import AccessRole, make_verifier
from protocol.messages import Add, Receipt
from service.client import ClientProtocol, connect
from web.postgres_store import PostgresWebStore
from web.sessions import HOUR_MS, token_hash
from web.store import Secret, Session, SessionKind

Ask = Callable[[], Awaitable[None]]
"""One request, to its answer."""

_ADD = b'{"amount":"1.00"}'


class KeptConnection(Protocol):
    """One HTTP connection that is asked again and again; answers must tell their length."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._received = b""
        self._waiting: Deferred[None] | None = None

    def ask(self) -> "Deferred[None]":
        """Send the request; fires with its answer, fails where that is no 200."""
        self._waiting = Deferred()
        assert self.transport is not None
        self.transport.write(self._request)
        return self._waiting

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        if found and len(rest) >= length and self._waiting is not None:
            self._received = rest[length:]
            waiting, self._waiting = self._waiting, None
            if head.startswith(b"HTTP/1.1 200"):
                waiting.callback(None)
            else:
                waiting.errback(RuntimeError(head.decode()))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._waiting is not None:
            self._waiting.errback(reason)


def _post(token: str) -> bytes:
    head = (
        "POST /api/v1/add HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(_ADD)}\r\n\r\n"
    )
    return head.encode() + _ADD


def _page(token: str) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: bench\r\nCookie: daytrade-sid={token}\r\n\r\n".encode()


async def _log_in(store: PostgresWebStore, user: str, kind: SessionKind) -> str:
    """A session made straight in the store: the price of passwords is not the question here."""
    token, now_ms = uuid4().hex, await store.now_ms()
    verifier = make_verifier("bench password", AccessRole.USER, iterations=4096)
    await store.add_user(user, Secret("", verifier), AccessRole.USER, now_ms)
    session = Session(token_hash(token), user, kind, "", now_ms, now_ms, 0, now_ms + HOUR_MS)
    await store.open_session(session)
    return token


async def _per_second(reactor: Any, asks: list[Ask], seconds: float) -> float:
    """Let each asker ask one time after the other; returns the answers of all in a second."""
    end_s = reactor.seconds() + seconds
    answered = 0

    async def go_on(ask: Ask) -> None:
        nonlocal answered
        while reactor.seconds() < end_s:
            await ask()
            answered += 1

    begun_s = reactor.seconds()
    await gatherResults([Deferred.fromCoroutine(go_on(ask)) for ask in asks])
    elapsed_s: float = reactor.seconds() - begun_s
    return answered / elapsed_s


def _binary(node: ClientProtocol, user: str) -> Ask:
    number = 0

    async def ask() -> None:
        nonlocal number
        number += 1
        reply = await node.request(Add(user, number, 100), uuid4().bytes)
        assert isinstance(reply, Receipt)

    return ask


async def _measure(reactor: Any, users: int, seconds: float, rounds: int) -> int:
    with TemporaryDataDirectory() as directory:
        stack = LocalStack(reactor, directory, StackSettings(web_clients=1), tell_exit)
        try:
            await stack.start()
            await _measure_on(reactor, stack, users, seconds, rounds)
        finally:
            await stack.stop()
    return 0


async def _measure_on(
    reactor: Any, stack: LocalStack, users: int, seconds: float, rounds: int
) -> None:
    names = [f"bench-{number}" for number in range(users)]
    store = PostgresWebStore(reactor, stack.dsn)
    site = stack.endpoint(stack.addresses.web["web-1"])
    endpoint = stack.endpoint(stack.addresses.nodes["node-1"])
    node = await connect(endpoint, reactor, "bench", stack.credential(AccessRole.WORKLOAD))
    asks: dict[str, list[Ask]] = {"binary": [_binary(node, name) for name in names]}
    for what, kind, request in (
        ("JSON API", SessionKind.API, _post),
        ("page", SessionKind.BROWSER, _page),
    ):
        asks[what] = []
        for name in names:
            token = await _log_in(store, name, kind)
            asks[what].append((await connectProtocol(site, KeptConnection(request(token)))).ask)
    figures: dict[str, list[float]] = {what: [] for what in asks}
    for _ in range(rounds):
        for what, askers in asks.items():
            figures[what].append(await _per_second(reactor, askers, seconds))
    store.close()
    node.close()
    _tell(figures, users)


def _tell(figures: dict[str, list[float]], users: int) -> None:
    medians = {what: median(each) for what, each in figures.items()}
    click.echo(f"{users} users, one request outstanding each; a second, median of rounds:")
    for what, per_second in medians.items():
        share = per_second / medians["binary"]
        rounds = ", ".join(f"{each:,.0f}" for each in figures[what])
        click.echo(f"{what:<10} {per_second:>10,.0f}   {share:6.1%} of binary   ({rounds})")


@click.command()
@click.option("--users", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.1), default=5.0, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
def main(users: int, seconds: float, rounds: int) -> None:
    """Measure what HTTP costs."""
    raise SystemExit(run(lambda reactor: _measure(reactor, users, seconds, rounds)))


if __name__ == "__main__":
    main()
