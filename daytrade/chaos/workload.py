"""Lines for a chaos run: the course's mix, and triggers that are met as soon as they are armed.

Pure; used by the chaos run and its tests. The course's own triggers seldom fire within minutes; a
service that fires twice, or never, shows itself only where many fire.
"""

from collections import Counter
from collections.abc import Iterator
from random import Random

from msgspec.structs import replace

from generator.synthesizer import synthesize
from generator.workload import Line
from protocol.messages import (
    Add,
    Buy,
    CancelBuy,
    CancelSell,
    Command,
    CommitBuy,
    CommitSell,
    DisplaySummary,
    DumpLog,
    Sell,
    SetBuyAmount,
    SetBuyTrigger,
    SymbolCommand,
)

_TRIGGER_EVERY = 12
"""After so many lines of a user comes a trigger of theirs."""

_SET_ASIDE_CENTS = 1_000_00
_ANY_PRICE_CENTS = 10_000_00
"""A buy trigger that every price of the quote server's double meets."""

_CONTENDED_USER = "contended"
_CONTENDED_SYMBOLS = ("AAA", "BBB", "CCC")
_SHOWN, _ADDED, _ORDERED = 0.01, 0.1, 0.5
"""How many of the contended commands are summaries, those and ADDs, those and orders."""


def chaos_lines(users: int, commands: int, seed: int) -> list[Line]:
    """So many lines of users, numbered from 1, without the administrator's log at the end.

    Raises ValueError as `synthesize` does.
    """
    lines: list[Line] = []
    for command in _with_triggers(synthesize(users, commands + 1, seed)):
        number = len(lines) + 1
        lines.append(Line(number, replace(command, transaction_num=number)))
    return lines[:commands]


def _with_triggers(lines: Iterator[Line]) -> Iterator[Command]:
    taken: Counter[str] = Counter()
    for line in lines:
        command = line.command
        if isinstance(command, DumpLog):
            continue
        yield command
        taken[command.user] += isinstance(command, SymbolCommand)
        if isinstance(command, SymbolCommand) and taken[command.user] % _TRIGGER_EVERY == 0:
            yield SetBuyAmount(command.user, line.number, command.symbol, _SET_ASIDE_CENTS)
            yield SetBuyTrigger(command.user, line.number, command.symbol, _ANY_PRICE_CENTS)


def contention_lines(clients: int, commands: int, seed: int) -> list[list[Line]]:
    """For each of several clients its share of so many commands, all about one account."""
    random = Random(seed)
    shares: list[list[Line]] = [[] for _ in range(clients)]
    for number in range(1, commands + 1):
        command = _contended(random, number) if number > clients else _first(number)
        shares[number % clients].append(Line(number, command))
    return shares


def _first(number: int) -> Command:
    return Add(_CONTENDED_USER, number, 50_000_00)


def _contended(random: Random, number: int) -> Command:
    """Mostly what races: two clients may want to commit, or to cancel, the same order."""
    user = _CONTENDED_USER
    roll = random.random()
    if roll < _SHOWN:
        return DisplaySummary(user, number)
    if roll < _ADDED:
        return Add(user, number, random.randint(1, 500_00))
    if roll < _ORDERED:
        order = random.choice((Buy, Sell))
        symbol = random.choice(_CONTENDED_SYMBOLS)
        return order(user, number, symbol, random.randint(1, 2_000_00))
    return random.choice((CommitBuy, CommitBuy, CancelBuy, CommitSell, CancelSell))(user, number)
