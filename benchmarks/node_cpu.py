"""What a node's own work costs per command: no sockets, no Postgres, processor time alone.

`python -m benchmarks.node_cpu [--profile]` drives the real node through its wire protocol, with a
store that makes the SQL of each batch and throws it away. It repeats well on a busy machine, so it
is what to look at while the hot path is changed; `daytrade bench` says what came of it.
"""

import cProfile
import gc
import os
import pstats
import sys
import time
from collections.abc import Sequence
from typing import Any, cast

import click
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from audit.shipper import Shipping
from benchmarks.load import LoadIds, UserLoad, make_load
from ledger.account import Account
from ledger.postgres.rows import batch_call
from ledger.store import Committed, Stream
from ledger.writes import AccountWrite, in_decision_order
from protocol.authentication import AccessRole
from protocol.quote import Quote
from protocol.states import State
from quote_proxy.source import QuoteSource
from reactor_server.assembly import NodeAssembly
from service.server import ServerProtocol, WireServerFactory

_READ_BYTES = 64 * 1024
_START_MS = 1_800_000_000_000


class _NoStore:
    """Makes the SQL of each batch; everybody's account begins empty."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def now_ms(self) -> int:
        return _START_MS

    async def positions(self) -> dict[str, object]:
        return {}

    async def open_stream(self, name: str) -> Stream:
        return Stream(name, 1, 1, 0, 0)

    async def load(self, users: Sequence[str]) -> dict[str, Account]:
        return {user: Account(user) for user in users}

    async def entries_by_id(self, command_ids: Sequence[bytes]) -> dict[bytes, object]:
        return {}

    async def history(self, user: str, before_seq: int, limit: int) -> list[object]:
        return []

    async def seqs(self, users: Sequence[str]) -> dict[str, int]:
        return {}

    async def listen_accounts(self, _listener: object) -> Any:
        return type("Listening", (), {"is_closed": False})

    async def announce_armed(self, triggers: Sequence[object]) -> None:
        return None

    async def commit(self, stream: Stream, writes: Sequence[AccountWrite]) -> Committed:
        lines = in_decision_order(writes)
        batch_call(stream, writes, lines)
        stream.advance(lines)
        answered: Deferred[None] = Deferred()
        self._clock.callLater(0, answered.callback, None)
        await answered
        return Committed(frozenset(), [line.encoded for line in lines])


class _Prices:
    """A price for everything, at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def fetch(
        self, symbol: str, user: str, transaction_num: int = 1, *, ahead: bool = False
    ) -> Deferred[Quote]:
        quoted_ms = _START_MS + int(self._clock.seconds() * 1000)
        return succeed(Quote(symbol, 2_000 + hash(symbol) % 9_000, quoted_ms, "key=", user))


class _Transport:
    """Counts what the node writes."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def getPeer(self) -> None: ...

    def setTcpNoDelay(self, _enabled: bool) -> None: ...

    def registerProducer(self, _producer: object, _streaming: bool) -> None: ...


class _Ships:
    """Takes what is shipped, and forgets it."""

    def ship(self, first_number: int, entries: list[bytes]) -> None: ...

    def advance_to(self, last_number: int) -> None: ...

    def start(self) -> None: ...


class Bench:
    """One node and the users that trade at it."""

    def __init__(self, loads: list[UserLoad], outstanding: int) -> None:
        self._clock = Clock()
        self._clock.advance(1)
        shipping: Shipping = _Ships()
        node = NodeAssembly(
            self._clock,
            "node-1",
            cast(Any, _NoStore(self._clock)),
            cast(QuoteSource, _Prices(self._clock)),
            cast(Any, None),
            cast(Any, None),
            cast(Any, None),
            lambda _stream: cast(Any, shipping),
            lambda: None,
        )
        Deferred.fromCoroutine(node.start())
        factory = WireServerFactory(
            self._clock, "node-1", node.service, cast(Any, None), os.urandom(32)
        )
        self._protocol = ServerProtocol(factory)
        self._transport = _Transport()
        self._protocol.makeConnection(cast(Any, self._transport))
        self._protocol._connection.state = State.OPEN
        self._protocol._log_in_call.cancel()
        self._protocol.role = AccessRole.WORKLOAD
        self._loads = loads
        self._outstanding = outstanding
        self._ids = LoadIds(os.urandom(2))
        self._ids.now_ms = _START_MS

    def frames(self) -> bytes:
        """One turn of every user: what was answered together is asked together again."""
        loads = [load for load in self._loads for _ in range(self._outstanding)]
        ids = self._ids.next([load.place for load in loads])
        frames = []
        for load, command_id in zip(loads, ids, strict=True):
            head, body = load.next_command()
            frames.append(head + command_id + body)
        return b"".join(frames)

    def turn(self, data: bytes) -> float:
        """Let the node take and answer the commands; returns processor seconds."""
        begun_s = time.process_time()
        for start in range(0, len(data), _READ_BYTES):
            self._protocol.dataReceived(data[start : start + _READ_BYTES])
            self._clock.advance(0)
        for _ in range(8):
            self._clock.advance(0)
        taken_s = time.process_time() - begun_s
        assert self._protocol.outstanding == 0, "a command was left unanswered"
        self._transport.written.clear()
        self._clock.advance(0.01)
        return taken_s


@click.command()
@click.option("--users", default=1000, show_default=True)
@click.option("--outstanding", default=1, show_default=True)
@click.option("--turns", default=60, show_default=True)
@click.option("--profile", is_flag=True, help="Print where the time goes, as cProfile sees it.")
def main(users: int, outstanding: int, turns: int, profile: bool) -> None:
    """Print the node's processor time per command."""
    bench = Bench(make_load(users, 200, 1), outstanding)
    for _ in range(20):
        bench.turn(bench.frames())
    gc.collect()
    gc.freeze()
    times = []
    profiler = cProfile.Profile()
    for _ in range(turns):
        data = bench.frames()
        if profile:
            profiler.enable()
        times.append(bench.turn(data))
        profiler.disable()
    per_command_us = [seconds / users / outstanding * 1e6 for seconds in sorted(times)]
    sys.stdout.write(
        f"{users} users, {outstanding} outstanding: median {per_command_us[turns // 2]:.2f} us, "
        f"least {per_command_us[0]:.2f} us, mean {sum(per_command_us) / turns:.2f} us a command\n"
    )
    if profile:
        pstats.Stats(profiler).sort_stats("cumtime").print_stats(45)


if __name__ == "__main__":
    main()
