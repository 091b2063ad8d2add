"""`daytrade bench`: what is measured, from the words of the command line."""

import json
import sys
from typing import Any

import click
from rich.console import Console

from benchmarks.bench import BenchPlan, run_bench
from benchmarks.figures import Load
from benchmarks.report import busy_rounds, print_report, to_json
from daytrade.running import run

GOALS = ("100,1,1", "1000,1,1", "1000,16,1", "1000,1,2")
"""The loads of the table in docs/performance.md."""

EXIT_WRONG = 1
EXIT_BUSY = 3


@click.command()
@click.option(
    "--load",
    "loads",
    multiple=True,
    default=GOALS,
    show_default=True,
    metavar="USERS,OUTSTANDING,NODES[,SHARE]",
    help="What to play; may be given again. SHARE: an open loop at this share of the closed rate.",
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seconds", type=click.FloatRange(1), default=20.0, show_default=True)
@click.option("--pgbench-seconds", type=click.FloatRange(1), default=10.0, show_default=True)
@click.option("--warm-up", type=click.FloatRange(0), default=5.0, show_default=True)
@click.option("--clients", type=click.IntRange(1, 16), default=1, show_default=True)
@click.option("--lanes", type=click.IntRange(1, 16), default=1, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--symbols", type=click.IntRange(1), help="Stocks; else as many as the course's.")
@click.option("--json", "json_file", type=click.File("w"), help="Write figures as JSON.")
@click.option("--verify/--no-verify", default=True, help="Replay the whole log afterwards.")
@click.option("--anyhow", is_flag=True, help="Judge though others use the machine.")
def bench(
    loads: tuple[str, ...],
    rounds: int,
    seconds: float,
    pgbench_seconds: float,
    warm_up: float,
    clients: int,
    lanes: int,
    seed: int,
    symbols: int | None,
    json_file: Any,
    verify: bool,
    anyhow: bool,
) -> None:  # fmt: skip
    """Measure commands per second as multiples of pgbench on the same Postgres, in turn.

    Exit code 3: others used too much of the machine meanwhile, and the figures say nothing.
    """
    plan = BenchPlan(
        [_load(text) for text in loads],
        rounds,
        seconds,
        pgbench_seconds,
        warm_up,
        clients,
        seed,
        symbols,
        lanes,
        verify,
    )
    sys.exit(run(lambda reactor: _bench(reactor, plan, json_file, anyhow)))


async def _bench(reactor: Any, plan: BenchPlan, json_file: Any, anyhow: bool) -> int:
    report = await run_bench(reactor, plan, lambda line: click.echo(line, err=True))
    print_report(report, Console())
    if json_file is not None:
        json.dump(to_json(report), json_file, indent=2)
        json_file.write("\n")
    busy = busy_rounds(report.results)
    if busy:
        click.echo(f"others used the machine during {busy} rounds", err=True)
    if report.findings or any(each.failed for result in report.results for each in result.rounds):
        return EXIT_WRONG
    return EXIT_BUSY if busy and not anyhow else 0


def _load(text: str) -> Load:
    """Read USERS,OUTSTANDING,NODES[,SHARE]."""
    words = text.split(",")
    try:
        users, outstanding, nodes = map(int, words[:3])
        share = float(words[3]) if len(words) == 4 else None
        if len(words) > 4 or min(users, outstanding, nodes) < 1 or nodes > 16:
            raise ValueError(text)
    except ValueError:
        message = f"{text!r} is not USERS,OUTSTANDING,NODES or USERS,OUTSTANDING,NODES,SHARE"
        raise click.BadParameter(message, param_hint="--load") from None
    return Load(users, outstanding, nodes, share)
