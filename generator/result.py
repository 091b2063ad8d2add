"""What came out of a run, as a record to report on and as JSON.

For the driver, the report and the benchmark. Invariant: commands = lines sent = accepted + refused
+ unknown, in total and for each command; a figure that nobody could see is None (null in JSON).
"""

from enum import Enum, auto

from msgspec import Struct

from generator.latency import Latencies
from protocol.messages import COMMANDS
from protocol.quote import HIT_CENTS

Json = dict[str, object]


class Outcome(Enum):
    """How a command ended for the client that sent it."""

    ACCEPTED = auto()
    REFUSED = auto()
    UNKNOWN = auto()
    """No reply came, so it may have been carried out or not."""


class ProcessUse(Struct, frozen=True, gc=False):
    """What one process used: CPU time, and its largest resident set in MiB."""

    user_s: float
    system_s: float
    rss_mb_max: float


class LayerUse(Struct, frozen=True, gc=False):
    """What one layer of caches of prices has come to.

    :ivar asked: prices asked for by those before it.
    :ivar passed_on: those it did not have, and had to ask the next layer for.
    """

    asked: int
    passed_on: int

    @property
    def hit_ratio(self) -> float | None:
        """The share that it answered by itself."""
        return 1.0 - self.passed_on / self.asked if self.asked else None


class CommandResult:
    """The outcomes and latencies of one kind of command."""

    __slots__ = ("accepted", "latencies", "refused", "unknown")

    def __init__(self) -> None:
        self.accepted = 0
        self.refused = 0
        self.unknown = 0
        self.latencies = Latencies()

    @property
    def count(self) -> int:
        """How many were sent."""
        return self.accepted + self.refused + self.unknown

    def record(self, outcome: Outcome, latency_us: int) -> None:
        """Take in one command; one of unknown outcome has no latency, whatever is given."""
        if outcome is Outcome.UNKNOWN:
            self.unknown += 1
            return
        if outcome is Outcome.ACCEPTED:
            self.accepted += 1
        else:
            self.refused += 1
        self.latencies.record(latency_us)

    def merge(self, other: "CommandResult") -> None:
        """Take in all that `other` holds."""
        self.accepted += other.accepted
        self.refused += other.refused
        self.unknown += other.unknown
        self.latencies.merge(other.latencies)

    def to_json(self) -> Json:
        """Return one entry of `per_command`."""
        return {
            "count": self.count,
            "refused": self.refused,
            "mean_ms": self.latencies.mean_ms(),
            "p50_ms": self.latencies.percentile_ms(50),
            "p99_ms": self.latencies.percentile_ms(99),
            "total_s": self.latencies.total_us / 1e6,
        }


class RunResult:
    """A run's counts and latencies, and the figures that whoever ran the stack fills in.

    :ivar final_dumplog: the administrator's DUMPLOG; it is one of the commands sent, but neither
        in the wall time nor in the latencies of all commands together.
    :ivar wall_s: from the first command sent to the last user's reply.
    """

    def __init__(self) -> None:
        self.users: dict[str, CommandResult] = {name: CommandResult() for name in COMMANDS}
        self.final_dumplog = CommandResult()
        self.wall_s: float | None = None
        self.legacy_hits: int | None = None
        self.legacy_hits_minimum: int | None = None
        self.price_layers: dict[str, LayerUse] | None = None
        self.audit_records: int | None = None
        self.dumplog_valid: bool | None = None
        self.ledger_equals_audit: bool | None = None
        self.processes: dict[str, ProcessUse] | None = None

    def record(self, name: str, outcome: Outcome, latency_us: int) -> None:
        """Take in a user's command by its name; raises KeyError for an unknown name."""
        self.users[name].record(outcome, latency_us)

    def merge(self, other: "RunResult") -> None:
        """Take in the counts and latencies of a part of the same run; wall time is the longest."""
        for name, result in other.users.items():
            self.users[name].merge(result)
        self.final_dumplog.merge(other.final_dumplog)
        if other.wall_s is not None:
            self.wall_s = max(self.wall_s or 0.0, other.wall_s)

    def total(self) -> CommandResult:
        """Return the users' commands taken together."""
        total = CommandResult()
        for result in self.users.values():
            total.merge(result)
        return total

    @property
    def unknown(self) -> int:
        """How many commands have an unknown outcome, the final DUMPLOG counted too."""
        return self.total().unknown + self.final_dumplog.unknown

    def per_command(self) -> dict[str, CommandResult]:
        """Return all commands sent by name, in the course's order, the final DUMPLOG with them."""
        dumplog = CommandResult()
        dumplog.merge(self.users["DUMPLOG"])
        dumplog.merge(self.final_dumplog)
        return self.users | {"DUMPLOG": dumplog}

    def commands_per_s(self) -> float | None:
        """Return the rate of the users' commands over the wall time."""
        return self.total().count / self.wall_s if self.wall_s else None

    @property
    def legacy_bill_cents(self) -> int | None:
        """What the quote server charges for the hits."""
        return None if self.legacy_hits is None else self.legacy_hits * HIT_CENTS

    @property
    def legacy_hits_per_command(self) -> float | None:
        """Hits for each of the users' commands."""
        count = self.total().count
        return self.legacy_hits / count if self.legacy_hits is not None and count else None

    def to_json(self) -> Json:
        """Return the figures of `--json`, ready for a JSON writer (DESIGN, "The commands")."""
        total = self.total()
        final = self.final_dumplog
        latencies = total.latencies
        return {
            "commands": total.count + final.count,
            "accepted": total.accepted + final.accepted,
            "refused": total.refused + final.refused,
            "unknown": self.unknown,
            "wall_s": self.wall_s,
            "commands_per_s": self.commands_per_s(),
            "latency_ms": {
                "p50": latencies.percentile_ms(50),
                "p90": latencies.percentile_ms(90),
                "p99": latencies.percentile_ms(99),
                "p999": latencies.percentile_ms(99.9),
                "max": latencies.max_ms(),
            },
            "per_command": {name: each.to_json() for name, each in self.per_command().items()},
            "legacy_hits": self.legacy_hits,
            "legacy_hits_minimum": self.legacy_hits_minimum,
            "audit_records": self.audit_records,
            "dumplog_valid": self.dumplog_valid,
            "ledger_equals_audit": self.ledger_equals_audit,
            "processes": None if self.processes is None else _processes_json(self.processes),
            "legacy_hits_per_command": self.legacy_hits_per_command,
            "legacy_bill_cents": self.legacy_bill_cents,
            "price_layers": None if self.price_layers is None else _layers_json(self.price_layers),
        }


def _layers_json(layers: dict[str, LayerUse]) -> Json:
    return {
        name: {"asked": use.asked, "passed_on": use.passed_on, "hit_ratio": use.hit_ratio}
        for name, use in layers.items()
    }


def _processes_json(processes: dict[str, ProcessUse]) -> Json:
    return {
        name: {"user_s": use.user_s, "system_s": use.system_s, "rss_mb_max": use.rss_mb_max}
        for name, use in processes.items()
    }
