"""What a node counts: batches where they are committed, the rest when somebody asks.

Used by the lanes and by `twistd_plugins.trade_server`. Nothing here is touched for each command: a
batch is counted once, and the latency of commands is that of one command of each batch.
"""

from collections.abc import Sequence
from functools import reduce

from service.figures import LATENCY_BOUNDS_S, SIZE_BOUNDS, Figure, Histogram


class LaneFigures:
    """What a lane has done since the start; touched once for each batch.

    :ivar commands: journal entries committed.
    :ivar conflicts: accounts for which another writer came first.
    :ivar doubts: batches whose outcome was unknown.
    :ivar command_s: from the arrival of one command of the batch to its commit.
    """

    __slots__ = ("batch_commands", "command_s", "commands", "commit_s", "conflicts", "doubts")

    def __init__(self) -> None:
        self.commands = 0
        self.conflicts = 0
        self.doubts = 0
        self.batch_commands = Histogram(SIZE_BOUNDS)
        self.commit_s = Histogram(LATENCY_BOUNDS_S)
        self.command_s = Histogram(LATENCY_BOUNDS_S)

    def committed(self, entries: int, sent_s: float, now_s: float, arrived_s: float | None) -> None:
        """Count a batch that was sent at `sent_s` and is durable now."""
        self.commands += entries
        self.batch_commands.observe(entries)
        self.commit_s.observe(now_s - sent_s)
        if arrived_s is not None:
            self.command_s.observe(now_s - arrived_s)


def node_figures(lanes: Sequence[LaneFigures]) -> list[Figure]:
    """The figures of a node, all lanes together."""

    def together(name: str) -> Histogram:
        histograms: list[Histogram] = [getattr(lane, name) for lane in lanes]
        return reduce(Histogram.plus, histograms)

    return [
        Figure("counter", "daytrade_commands", "Journal entries committed.",
               lambda: sum(lane.commands for lane in lanes)),
        Figure("counter", "daytrade_conflicts", "Accounts decided again: another wrote first.",
               lambda: sum(lane.conflicts for lane in lanes)),
        Figure("counter", "daytrade_outcomes_unknown", "Batches whose commit was not answered.",
               lambda: sum(lane.doubts for lane in lanes)),
        Figure("histogram", "daytrade_batch_commands", "Journal entries in one commit.",
               lambda: together("batch_commands")),
        Figure("histogram", "daytrade_commit_seconds", "From sending a batch to its commit.",
               lambda: together("commit_s")),
        Figure("histogram", "daytrade_command_seconds",
               "From a command's arrival to its commit; one command of each batch.",
               lambda: together("command_s")),
    ]  # fmt: skip
