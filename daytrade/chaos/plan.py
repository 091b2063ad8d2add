"""What is done to which part, and when: all of it drawn from a seed before the run begins.

Pure; used by the chaos run and its tests. The same seed gives the same plan; what the processes
make of it is up to the kernel.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from random import Random

from msgspec import Struct


class Action(StrEnum):
    """What is done to a part; the words are those of the command line."""

    KILL = "kill"
    """SIGKILL: it is gone at once, and started again."""
    RESTART = "restart"
    """SIGTERM: it ends in order, and is started again."""
    FREEZE = "freeze"
    """SIGSTOP, and SIGCONT a moment later."""
    HANG = "hang"
    """SIGSTOP and nothing else: who watches it has to replace it."""
    AWAY = "away"
    """Stopped in order, and started again some time later."""
    CUT = "cut"
    """The client's connection to it is cut, again and again, with answers still to come."""
    DISK = "disk"
    """Its disk is full for a while."""
    CLOCK = "clock"
    """Its wall clock is an hour off for a while."""


class Part(StrEnum):
    """A kind of process; the words are those of the command line."""

    NODE = "node"
    QUOTES = "quotes"
    TRIGGERS = "triggers"
    AUDIT = "audit"
    LEGACY = "legacy"
    POSTGRES = "postgres"
    """Postgres's first process, and so all of it."""
    BACKEND = "backend"
    """The process of Postgres that serves one connection."""


_SERVICES = (Part.NODE, Part.QUOTES, Part.TRIGGERS, Part.AUDIT, Part.LEGACY)
APPLIES_TO: Mapping[Action, tuple[Part, ...]] = {
    Action.KILL: (*_SERVICES, Part.POSTGRES, Part.BACKEND),
    Action.RESTART: (*_SERVICES, Part.POSTGRES, Part.BACKEND),
    Action.FREEZE: (*_SERVICES, Part.BACKEND),
    Action.HANG: _SERVICES,
    Action.AWAY: (Part.AUDIT,),
    Action.CUT: (Part.NODE,),
    Action.DISK: (Part.POSTGRES, Part.AUDIT),
    Action.CLOCK: (Part.NODE, Part.QUOTES, Part.TRIGGERS, Part.AUDIT),
}
"""Which actions make sense for which parts."""

_LASTS_S: Mapping[Action, tuple[float, float]] = {
    Action.FREEZE: (0.5, 3.0),
    Action.AWAY: (2.0, 5.0),
    Action.CUT: (2.0, 4.0),
    Action.DISK: (2.0, 6.0),
    Action.CLOCK: (2.0, 5.0),
}
"""For how long, at least and at most, what passes by itself is left as it is."""

JUMP_S = 3600
_SPREAD = 2.0 / 3.0
"""A pause is as much as this part shorter or longer than the mean."""


class Kind(Struct, frozen=True, order=True):
    """A kind of fault: one row of the table."""

    action: Action
    part: Part

    def __str__(self) -> str:
        return f"{self.action} {self.part}"


class Fault(Struct, frozen=True):
    """One thing that will be done.

    :ivar at_s: when, in seconds from the begin of the play.
    :ivar target: the process, by its name in the stack.
    :ivar lasts_s: how long until it is undone; 0 where nothing is to be undone.
    :ivar draw: a number from 0 to 1 for whatever else must be chosen, such as which backend.
    """

    at_s: float
    kind: Kind
    target: str
    lasts_s: float
    draw: float


ALL_KINDS = tuple(Kind(action, part) for action, parts in APPLIES_TO.items() for part in parts)


def select_kinds(words: Iterable[str]) -> list[Kind]:
    """The kinds that words like `kill` or `freeze:node` name, all of them for no word.

    Raises ValueError with a message for whoever wrote them.
    """
    chosen: list[Kind] = []
    for word in words:
        action, _, part = word.partition(":")
        kinds = [k for k in ALL_KINDS if k.action == action and part in ("", k.part)]
        if not kinds:
            known = ", ".join(f"{a}:{'|'.join(parts)}" for a, parts in APPLIES_TO.items())
            raise ValueError(f"{word!r} is no fault; there are {known}")
        chosen += kinds
    return chosen or list(ALL_KINDS)


def draw_plan(
    seed: int,
    faults: int,
    every_s: float,
    kinds: Sequence[Kind],
    targets: Mapping[Part, Sequence[str]],
    lasts_s: float | None = None,
) -> list[Fault]:
    """Draw so many faults, each kind as often as the others, `every_s` apart on the average.

    :param targets: the processes of each part.
    :param lasts_s: how long what passes by itself lasts, instead of what is drawn.
    """
    random = Random(seed)
    rounds = [kind for _ in range(-(-faults // len(kinds))) for kind in _shuffled(kinds, random)]
    plan: list[Fault] = []
    at_s = 0.0
    for kind in rounds[:faults]:
        at_s += every_s * random.uniform(1.0 - _SPREAD, 1.0 + _SPREAD)
        shortest_s, longest_s = _LASTS_S.get(kind.action, (0.0, 0.0))
        drawn_s = random.uniform(shortest_s, longest_s)
        told_s = drawn_s if lasts_s is None or not longest_s else lasts_s
        target = random.choice(targets[kind.part])
        plan.append(Fault(at_s, kind, target, told_s, random.random()))
    return plan


def _shuffled(kinds: Sequence[Kind], random: Random) -> list[Kind]:
    return random.sample(kinds, len(kinds))
