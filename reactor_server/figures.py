"""What a node counts: batches where they are committed, the rest when somebody asks.

Used by the lanes and by `twistd_plugins.trade_server`. A batch is counted once; for each command
one number is made of what it was and how it ended, and the latency is that of one command of each
batch.
"""

from collections import Counter
from collections.abc import Sequence
from functools import reduce

from protocol.errors import OK, Code
from protocol.messages import COMMANDS
from reactor_server.batch import SeatWrite
from reactor_server.seat import Ticket
from service.figures import LATENCY_BOUNDS_S, SIZE_BOUNDS, Figure, Histogram

CODE_BITS = 16
"""In the number that says what a command was and how it ended, its kind is above so many bits."""

_NAMES = {command.KIND: name for name, command in COMMANDS.items()}


class LaneFigures:
    """What a lane has done since the start; touched once for each batch.

    :ivar outcomes: commands by kind and code, in one number.
    :ivar lapses: journal entries without a command.
    :ivar conflicts: accounts for which another writer came first.
    :ivar doubts: batches whose outcome was unknown.
    :ivar command_s: from the arrival of one command of the batch to its commit, by its name.
    """

    __slots__ = (
        "batch_commands",
        "command_s",
        "commit_s",
        "conflicts",
        "doubts",
        "lapses",
        "outcomes",
    )

    def __init__(self) -> None:
        self.outcomes: Counter[int] = Counter()
        self.lapses = 0
        self.conflicts = 0
        self.doubts = 0
        self.batch_commands = Histogram(SIZE_BOUNDS)
        self.commit_s = Histogram(LATENCY_BOUNDS_S)
        self.command_s: dict[str, Histogram] = {}

    def committed(
        self,
        writes: Sequence[SeatWrite],
        entries: int,
        sent_s: float,
        now_s: float,
        sample: Ticket | None,
    ) -> None:
        """Count a batch of so many entries that was sent at `sent_s` and is durable now."""
        outcomes = [ticket.outcome for write in writes for ticket in write.tickets]
        self.outcomes.update(outcomes)
        self.lapses += entries - len(outcomes)
        self.batch_commands.observe(entries)
        self.commit_s.observe(now_s - sent_s)
        if sample is not None:
            name = sample.command.NAME
            if name not in self.command_s:
                self.command_s[name] = Histogram(LATENCY_BOUNDS_S)
            self.command_s[name].observe(now_s - sample.arrived_s)


def _commands(lanes: Sequence[LaneFigures]) -> dict[str, float]:
    """How many commands there were, by name and outcome."""
    told: dict[str, float] = {"LAPSE,accepted": sum(lane.lapses for lane in lanes)}
    for key, count in sum((lane.outcomes for lane in lanes), Counter[int]()).items():
        code = Code(key & (1 << CODE_BITS) - 1)
        outcome = "accepted" if code is OK else code.name.lower()
        told[f"{_NAMES[key >> CODE_BITS]},{outcome}"] = count
    return told


def _command_s(lanes: Sequence[LaneFigures]) -> dict[str, Histogram]:
    together: dict[str, Histogram] = {}
    for lane in lanes:
        for name, histogram in lane.command_s.items():
            together[name] = together.get(name, Histogram(LATENCY_BOUNDS_S)).plus(histogram)
    return together


def node_figures(lanes: Sequence[LaneFigures]) -> list[Figure]:
    """The figures of a node, all lanes together."""

    def together(name: str) -> Histogram:
        histograms: list[Histogram] = [getattr(lane, name) for lane in lanes]
        return reduce(Histogram.plus, histograms)

    return [
        Figure("counter", "daytrade_commands",
               "Commands that were carried out or refused for good, and orders that lapsed.",
               lambda: _commands(lanes), "command,outcome"),
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
               lambda: _command_s(lanes), "command"),
    ]  # fmt: skip
