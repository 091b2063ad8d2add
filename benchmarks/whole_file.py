"""The whole 100-user size through `daytrade workload run --local`, as a multiple of pgbench.

`python -m benchmarks.whole_file`: in turn pgbench on a Postgres of its own, set as the stack's is,
and a synthesized file of 100,000 commands on a new stack, generator and audit log included. Every
run must also leave a true log.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import click

from benchmarks.pgbench import Pgbench
from daytrade.data_directory import TemporaryDataDirectory
from daytrade.embedded_postgres import EmbeddedPostgres

_DAYTRADE = [sys.executable, "-m", "daytrade.cli"]
_TRUE = ("dumplog_valid", "ledger_equals_audit")


class Untrue(Exception):
    """A run left commands unanswered, or a log that does not hold."""


@contextmanager
def own_pgbench() -> Iterator[Pgbench]:
    """pgbench on an embedded Postgres that nobody else uses."""
    with (
        TemporaryDataDirectory() as directory,
        EmbeddedPostgres(directory.postgres_dir) as postgres,
    ):
        pgbench = Pgbench(postgres.binary("pgbench"), postgres.dsn)
        pgbench.prepare()
        yield pgbench


def play(workload: Path, outstanding: int) -> float:
    """Play the file on a new stack; returns commands/s, or raises `Untrue`."""
    result = workload.with_suffix(".json")
    options = ["--legacy-delay", "none", "--outstanding", str(outstanding), "--json", str(result)]
    command = [*_DAYTRADE, "workload", "run", str(workload), "--local", *options]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        raise Untrue(ran.stdout + ran.stderr)
    told = json.loads(result.read_text())
    if told["unknown"] or not all(told[name] for name in _TRUE):
        raise Untrue(f"{told['unknown']} unknown, {[told[name] for name in _TRUE]} {_TRUE}")
    return float(told["commands_per_s"])


@click.command()
@click.option("--rounds", default=3, show_default=True)
@click.option("--users", default=100, show_default=True)
@click.option("--commands", default=100_000, show_default=True)
@click.option("--outstanding", default=16, show_default=True)
@click.option("--pgbench-seconds", default=10.0, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(
    rounds: int, users: int, commands: int, outstanding: int, pgbench_seconds: float, seed: int
) -> None:
    """Print the rate of each round, and the median."""
    times = []
    with tempfile.TemporaryDirectory() as directory, own_pgbench() as pgbench:
        workload = Path(directory, "workload")
        size = ["--users", str(users), "--commands", str(commands), "--seed", str(seed)]
        subprocess.run([*_DAYTRADE, "workload", "synth", *size, "-o", str(workload)], check=True)
        for number in range(1, rounds + 1):
            tps = pgbench.tps(pgbench_seconds)
            times.append(play(workload, outstanding) / tps)
            click.echo(f"round {number}: {times[-1]:.1f} times pgbench")
    click.echo(f"median {median(times):.1f}, {min(times):.1f} to {max(times):.1f}")


if __name__ == "__main__":
    main()
