"""How long the garbage collector holds a node up, as Python is and as our services set it.

`python -m benchmarks.gc_pauses` drives the node's own code, without sockets and Postgres, and
prints one line for each setting: collections, and the length of their pauses.
"""

import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from hdrh.histogram import HdrHistogram

from benchmarks.load import make_load
from benchmarks.node_cpu import Bench
from service.daemon import settle_garbage_collector

_PAUSE_US_MAX = 10_000_000


class Pauses:
    """The pauses of all collections while it is asked to look."""

    def __init__(self) -> None:
        self.histogram = HdrHistogram(1, _PAUSE_US_MAX, 3)
        self.total_s = 0.0
        self._begun_s = 0.0

    def _collects(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._begun_s = time.perf_counter()
            return
        pause_s = time.perf_counter() - self._begun_s
        self.total_s += pause_s
        self.histogram.record_value(max(1, min(int(pause_s * 1e6), _PAUSE_US_MAX)))

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at every collection in the block."""
        gc.callbacks.append(self._collects)
        try:
            yield
        finally:
            gc.callbacks.remove(self._collects)


def _as_python_is() -> None:
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)


SETTINGS: dict[str, Callable[[], None]] = {
    "Python's own": _as_python_is,
    "ours": settle_garbage_collector,
}


def line_of(name: str, pauses: Pauses, commands: int, taken_s: float) -> str:
    """One setting's figures in a line."""
    histogram = pauses.histogram
    p50, p99 = (histogram.get_value_at_percentile(share) / 1000 for share in (50, 99))
    return (
        f"{name:<14} {histogram.get_total_count():7,} collections, pauses p50 {p50:6.2f} ms, "
        f"p99 {p99:6.2f} ms, longest {histogram.get_max_value() / 1000:6.2f} ms, "
        f"{pauses.total_s / taken_s:6.2%} of the time, {taken_s / commands * 1e6:5.2f} us a command"
    )


@click.command()
@click.option("--users", default=1000, show_default=True)
@click.option("--outstanding", default=16, show_default=True)
@click.option("--turns", default=40, show_default=True)
@click.option("--rounds", default=2, show_default=True, help="The settings take turns.")
def main(users: int, outstanding: int, turns: int, rounds: int) -> None:
    """Print the pauses of each setting."""
    bench = Bench(make_load(users, 200, 1), outstanding)
    for _ in range(20):
        bench.turn(bench.frames())
    for _ in range(rounds):
        for name, setting in SETTINGS.items():
            setting()
            pauses = Pauses()
            with pauses.watched():
                taken_s = sum(bench.turn(bench.frames()) for _ in range(turns))
            commands = users * outstanding * turns
            sys.stdout.write(line_of(name, pauses, commands, taken_s) + "\n")


if __name__ == "__main__":
    main()
