"""The benchmark: rounds of pgbench and of our own loads, in turn, on one stack and one Postgres.

Used by the `daytrade` command. Everything in `Bench` blocks and runs in a thread, while the reactor
looks after the stack.
"""

import time
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any

from msgspec import Struct
from twisted.internet.threads import deferToThread

from benchmarks.audit_lag import AuditLag
from benchmarks.client import ClientSpec, RoundFigures, RoundSpec
from benchmarks.clients import Clients, merged
from benchmarks.database import WAL_SEGMENTS_MAX, LedgerProbe
from benchmarks.figures import (
    Load,
    LoadResult,
    RoundResult,
    batch_size_percentiles,
    latencies_ms,
)
from benchmarks.machine import read_machine
from benchmarks.pgbench import Pgbench
from daytrade.data_directory import DataDirectory, TemporaryDataDirectory
from daytrade.embedded_postgres import EmbeddedPostgres
from daytrade.local_run import tell_exit
from daytrade.stack import LocalStack
from daytrade.stack_settings import StackSettings
from daytrade.verification import check_log, read_ledger
from protocol.authentication import AccessRole

_DRAIN_S_MAX = 120.0
_LAG_POLL_S = 0.5
_WAL_SEGMENTS_PER_S = 2.5
_COMMANDS_OF_ALL = 400_000
_COMMANDS_PER_USER_MAX = 2_000
_COMMANDS_PER_USER_MIN = 40

Tell = Callable[[str], None]


class BenchPlan(Struct, frozen=True):
    """What to measure.

    :ivar seconds: length of a round of ours; `pgbench_s` of one of pgbench's.
    :ivar clients: client processes.
    :ivar verify: afterwards, replay the whole log and compare it with the ledger.
    """

    loads: list[Load]
    rounds: int = 3
    seconds: float = 20.0
    pgbench_s: float = 10.0
    warm_up_s: float = 5.0
    clients: int = 1
    seed: int = 1
    symbols: int | None = None
    lanes: int = 1
    verify: bool = True

    @property
    def nodes(self) -> int:
        """The most nodes that any load plays on."""
        return max(load.nodes for load in self.loads)

    @property
    def wal_segments(self) -> int:
        """Files of Postgres's log that the rounds will write, going by the fastest seen."""
        played_s = len(self.loads) * self.rounds * (self.seconds + self.warm_up_s)
        return min(WAL_SEGMENTS_MAX, round(played_s * _WAL_SEGMENTS_PER_S))


class BenchReport(Struct):
    """What the benchmark has shown; `findings` is what was wrong with the log, None: not looked."""

    results: list[LoadResult]
    findings: list[str] | None


class Bench:
    """One benchmark on a stack that runs."""

    def __init__(self, plan: BenchPlan, stack: LocalStack, pgbench: Pgbench, tell: Tell) -> None:
        self._plan = plan
        self._stack = stack
        self._pgbench = pgbench
        self._tell = tell
        self._ledger = LedgerProbe(stack.dsn)
        self._lag = AuditLag(stack.audit_path, self._ledger)
        self._pgbench_tps = 0.0

    def run(self) -> list[LoadResult]:
        """Play all rounds; raises `ClientDied` or `PgbenchFailed`."""
        self._tell("making the database of pgbench")
        self._pgbench.prepare()
        self._tell("letting Postgres make the files of its log")
        self._ledger.season_wal(self._plan.wal_segments)
        results = [LoadResult(load, []) for load in self._plan.loads]
        users = sorted({load.users for load in self._plan.loads})
        clients = {count: Clients(self._client_specs(count)) for count in users}
        try:
            for count in users:
                self._warm_up(count, clients[count])
            self._pgbench_tps = self._pgbench.tps(self._plan.pgbench_s)
            for number in range(self._plan.rounds):
                for result in results:
                    self._play(number, result, clients[result.load.users])
        finally:
            for each in clients.values():
                each.close()
            self._lag.close()
            self._ledger.close()
        return results

    def _client_specs(self, users: int) -> list[ClientSpec]:
        plan = self._plan
        credential = self._stack.credential(AccessRole.WORKLOAD)
        per_user = _COMMANDS_OF_ALL // users
        return [
            ClientSpec(
                list(self._stack.addresses.nodes.values()),
                credential.name,
                credential.password,
                users,
                max(_COMMANDS_PER_USER_MIN, min(per_user, _COMMANDS_PER_USER_MAX)),
                plan.seed + users,
                part,
                plan.clients,
                plan.symbols,
            )
            for part in range(plan.clients)
        ]

    def _warm_up(self, users: int, clients: Clients) -> None:
        """Let the accounts be made and the caches fill; not measured."""
        for load in self._plan.loads:
            if load.users == users:
                self._tell(f"warming up: {load.name}")
                clients.play(RoundSpec(self._plan.warm_up_s, load.outstanding, load.nodes))

    def _play(self, number: int, result: LoadResult, clients: Clients) -> None:
        load = result.load
        rate = None
        if load.rate_share is not None:
            closed = clients.play(RoundSpec(self._plan.warm_up_s, load.outstanding, load.nodes))
            rate = load.rate_share * sum(_answered(each) / each.wall_s for each in closed)
        self._lag.drained_after_s(_DRAIN_S_MAX)
        spec = RoundSpec(self._plan.seconds, load.outstanding, load.nodes, rate)
        measured = self._measure(spec, clients)
        result.rounds.append(measured)
        self._tell(
            f"round {number + 1}: {load.name}: {measured.times_pgbench:.1f} times pgbench, "
            f"p99 {measured.latency_ms['p99']:.1f} ms"
        )

    def _tps_around(self) -> float:
        """What pgbench does now and did before our round, in the middle: the machine drifts."""
        before, self._pgbench_tps = self._pgbench_tps, self._pgbench.tps(self._plan.pgbench_s)
        return (before + self._pgbench_tps) / 2

    def _measure(self, spec: RoundSpec, clients: Clients) -> RoundResult:
        pids = self._pids(clients)
        machine, ledger = read_machine(pids), self._ledger.read()
        started_s = time.monotonic()
        with _LagWatch(self._lag) as watch:
            figures = clients.play(spec)
        wall_s = time.monotonic() - started_s
        machine_after, ledger_after = read_machine(pids), self._ledger.read()
        drain_s = self._lag.drained_after_s(_DRAIN_S_MAX)
        commands = sum(map(_answered, figures))
        entries = ledger_after.entries - ledger.entries
        cpu_s: Mapping[str, float] = machine_after.since(machine)
        sizes = self._ledger.batch_sizes(
            {
                name: number
                for name, number in ledger_after.positions.items()
                if name.startswith("node-") and number > ledger.positions.get(name, 0)
            }
        )
        return RoundResult(
            commands=commands,
            refused=sum(each.refused for each in figures),
            failed=sum(each.failed for each in figures),
            commands_per_s=sum(_answered(each) / each.wall_s for each in figures),
            pgbench_tps=self._tps_around(),
            latency_ms=latencies_ms(merged(figures)),
            cpu_us={name: seconds / entries * 1e6 for name, seconds in cpu_s.items()},
            rss_mb={name: usage.rss_mb_max for name, usage in machine_after.parts.items()},
            wal_bytes_per_command=(ledger_after.wal_bytes - ledger.wal_bytes) / entries,
            flushes_per_command=(ledger_after.wal_flushes - ledger.wal_flushes) / entries,
            batch_sizes=batch_size_percentiles(sizes),
            foreign_share=machine_after.foreign_share(machine, wall_s),
            audit_lag_entries=watch.most,
            audit_drain_s=drain_s,
        )

    def _pids(self, clients: Clients) -> dict[str, int]:
        pids = {
            name: process.pid
            for name, process in self._stack.processes.items()
            if process.pid is not None
        }
        return pids | {f"client-{place + 1}": pid for place, pid in enumerate(clients.pids)}


def _answered(figures: RoundFigures) -> int:
    return figures.accepted + figures.refused + figures.failed


class _LagWatch:
    """Looks at the audit daemon's lag from time to time, in a thread, during a round."""

    def __init__(self, lag: AuditLag) -> None:
        self._lag = lag
        self._over = Event()
        self._thread = Thread(target=self._look, daemon=True)
        self.most = 0

    def _look(self) -> None:
        while not self._over.wait(_LAG_POLL_S):
            self.most = max(self.most, self._lag.entries())

    def __enter__(self) -> "_LagWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


async def run_bench(
    reactor: Any, plan: BenchPlan, tell: Tell, prepare: Callable[[str], None] | None = None
) -> BenchReport:
    """Start a throwaway stack, measure, stop it, and check what it wrote.

    :param prepare: called with the dsn of the ledger, in a thread, before anybody trades.
    """
    with TemporaryDataDirectory() as directory:
        settings = StackSettings(nodes=plan.nodes, legacy_delay="none", lanes=plan.lanes)
        stack = LocalStack(reactor, directory, settings, tell_exit)
        try:
            await stack.start()
            if prepare is not None:
                await deferToThread(prepare, stack.dsn)
            bench = Bench(plan, stack, _pgbench_for(directory, stack), tell)
            results = await deferToThread(bench.run)
            await stack.stop_services()
            findings = None
            if plan.verify:
                tell("replaying the whole log")
                ledger = await read_ledger(stack.store)
                log = await deferToThread(check_log, stack.audit_path, ledger)
                findings = [
                    f"{each.kind.value}: {each.where}, {each.what}" for each in log.findings
                ]
            return BenchReport(results, findings)
        finally:
            await stack.stop()


def _pgbench_for(directory: DataDirectory, stack: LocalStack) -> Pgbench:
    return Pgbench(EmbeddedPostgres(directory.postgres_dir).binary("pgbench"), stack.dsn)
