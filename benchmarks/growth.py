"""What a command costs as things grow: users, outstanding commands, stocks, holdings, the journal.

`python -m benchmarks.growth` plays each size on a stack of its own, a quarter of an hour in all,
and prints a table; `--svg FILE` draws it. Cost is processor time, whatever the disk does.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from benchmarks.bench import BenchPlan, run_bench
from benchmarks.figures import Load, LoadResult
from benchmarks.furnishing import Furnishing, furnish
from benchmarks.growth_chart import draw
from daytrade.running import run
from generator.synthesizer import synthesize

SEED = 1


class Size(Struct, frozen=True):
    """One size of one thing, everything else as usual: 1,000 users, one node, an empty ledger.

    :ivar at: the number that grows.
    """

    series: str
    at: int
    load: Load = Load(1000, 1, 1)
    symbols: int | None = None
    furnishing: Furnishing = Furnishing()


class Cost(Struct, frozen=True):
    """What was seen at one size: medians of the rounds.

    :ivar cpu_us: processor time of all processes together per command; of the nodes and of
        Postgres besides.
    :ivar p99_in_turns: see `LoadResult`.
    :ivar node_mb: resident memory of the first node, the most of all rounds.
    """

    series: str
    at: int
    times_pgbench: float
    p99_in_turns: float
    cpu_us: float
    node_us: float
    postgres_us: float
    node_mb: float


def all_sizes() -> list[Size]:
    """Every size of every series, smallest first."""
    return [
        *(Size("users", users, Load(users, 1, 1)) for users in (10, 100, 1000, 10_000)),
        *(Size("outstanding", each, Load(1000, each, 1)) for each in (1, 4, 16, 64)),
        *(Size("nodes", nodes, Load(1000, 1, nodes)) for nodes in (1, 2)),
        *(Size("symbols", symbols, symbols=symbols) for symbols in (10, 1000, 10_000)),
        *(
            Size("holdings of each user", holdings, furnishing=Furnishing(holdings=holdings))
            for holdings in (0, 100, 1000)
        ),
        *(
            Size("armed triggers", triggers, furnishing=Furnishing(triggers=triggers))
            for triggers in (0, 100_000)
        ),
        *(
            Size("journal rows", rows, furnishing=Furnishing(journal_rows=rows))
            for rows in (0, 10_000_000)
        ),
    ]


async def measure(reactor: Any, size: Size, rounds: int, seconds: float) -> Cost:
    """Play one size on a stack of its own."""
    users = size.load.users
    lines = list(synthesize(users, 3 * users + 1, SEED + users, symbols=size.symbols))
    names = sorted({line.command.user for line in lines} - {""})
    market = sorted({getattr(line.command, "symbol", "") for line in lines} - {""})
    plan = BenchPlan(
        [size.load],
        rounds,
        seconds,
        pgbench_s=3.0,
        warm_up_s=3.0,
        seed=SEED,
        symbols=size.symbols,
        verify=False,
    )
    report = await run_bench(
        reactor, plan, _silent, lambda dsn: furnish(dsn, size.furnishing, names, market)
    )
    return cost_of(size, report.results[0])


def cost_of(size: Size, result: LoadResult) -> Cost:
    """The medians of a result's rounds."""

    def middle(part: str) -> float:
        return result.spread(lambda each: each.cpu_us[part]).median

    return Cost(
        size.series,
        size.at,
        result.spread(lambda each: each.times_pgbench).median,
        result.p99_in_turns.median,
        result.spread(lambda each: sum(each.cpu_us.values())).median,
        result.server_cpu_us.median,
        middle("postgres"),
        result.spread(lambda each: each.rss_mb["node-1"]).max,
    )


def _silent(_line: str) -> None: ...


def print_costs(costs: Sequence[Cost], console: Console) -> None:
    """Print one table, a row for each size."""
    table = Table(box=None, pad_edge=False)
    for heading in ("what", "size", "x pgb", "turns", "all us", "node", "pg", "node MB"):
        table.add_column(heading, justify="left" if heading == "what" else "right", no_wrap=True)
    for cost in costs:
        figures = (cost.times_pgbench, cost.p99_in_turns, cost.cpu_us)
        times = (cost.node_us, cost.postgres_us)
        shown = [f"{figure:.1f}" for figure in (*figures, *times)]
        table.add_row(cost.series, f"{cost.at:,}", *shown, f"{cost.node_mb:.0f}")
    console.print(table)


@click.command()
@click.option("--rounds", default=2, show_default=True)
@click.option("--seconds", default=6.0, show_default=True)
@click.option("--only", multiple=True, help="A series; may be given again.")
@click.option("--json", "json_file", type=click.File("w"), help="Write figures as JSON.")
@click.option("--svg", "svg_file", type=click.File("w"), help="Draw the figures.")
def main(rounds: int, seconds: float, only: tuple[str, ...], json_file: Any, svg_file: Any) -> None:
    """Print what a command costs as things grow."""
    sizes = [size for size in all_sizes() if not only or size.series in only]
    if not sizes:
        raise click.UsageError("there are: " + ", ".join({size.series: 0 for size in all_sizes()}))

    async def play(reactor: Any) -> int:
        costs = []
        for size in sizes:
            costs.append(await measure(reactor, size, rounds, seconds))
            click.echo(f"{size.series} {size.at:,}: {costs[-1].cpu_us:.1f} us", err=True)
        print_costs(costs, Console())
        if json_file is not None:
            json.dump(msgspec.to_builtins(costs), json_file, indent=2)
        if svg_file is not None:
            svg_file.write(draw(costs))
        return 0

    sys.exit(run(play))


if __name__ == "__main__":
    main()
