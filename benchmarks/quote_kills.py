"""Proxies and trigger services killed and frozen at random under load: does each trigger fire once?

Run by `make quote-kills`, in a short form by the suite. Prices are pinned, so that it is known
which triggers a price meets: some are met when they are armed, the others at the end of the
disorder. At the end each has fired exactly once, and the log is whole and equal to the ledger.
Exits with 1 where that is not so.
"""

import random
import sys
from collections import Counter
from typing import Any

import click
from msgspec import Struct
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from audit.reading import read_entries
from benchmarks.quote_traders import Crowd, Notes, begin, symbols_of
from daytrade.chaos.clocks import WallClocks
from daytrade.chaos.infliction import Inflictions
from daytrade.chaos.plan import Action, Fault, Part, draw_plan, select_kinds
from daytrade.data_directory import TemporaryDataDirectory
from daytrade.double_control import charged_hits, tell_double
from daytrade.running import run
from daytrade.stack import LocalStack
from daytrade.stack_settings import StackSettings
from daytrade.verification import LogReport, check_log, read_ledger
from ledger.entry import Cause
from protocol.messages import Add, Receipt, SetBuyAmount, SetBuyTrigger

KINDS = select_kinds(["kill:quotes", "freeze:quotes", "kill:triggers", "freeze:triggers"])
TRADERS = 10
SYMBOLS = 30
TRIGGERS_AT_A_TIME = 4
HIGH, LOW = "50.00", "10.00"
TRIGGER_CENTS = 20_00
"""Met by LOW, not by HIGH."""

EVERY_S = 2.0
FIRED_WITHIN_S = 90.0
"""A window, and the time that a new service needs to take over."""


class Outcome(Struct):
    """What the disorder has led to.

    :ivar unlogged: hits that the server has charged and no log tells.
    :ivar unlogged_max: those that may have been on their way when a proxy was killed.
    """

    kills: int = 0
    freezes: int = 0
    armed: int = 0
    fired: int = 0
    twice: int = 0
    missed: int = 0
    stale: int = 0
    hits: int = 0
    unlogged: int = 0
    unlogged_max: int = 0
    findings: list[str] = []

    @property
    def is_good(self) -> bool:
        """Every trigger has fired once, and the log is whole."""
        is_wrong = self.twice or self.missed or self.stale or self.findings
        return not is_wrong and 0 <= self.unlogged <= self.unlogged_max and self.armed > 0

    def __str__(self) -> str:
        """One line of figures."""
        verdict = "ok" if self.is_good else "BAD"
        return (
            f"{self.kills} kills, {self.freezes} freezes: {self.armed:,} triggers armed, "
            f"{self.fired:,} fired, twice {self.twice}, missed {self.missed}; stale prices used "
            f"{self.stale}; {self.hits:,} hits, unlogged {self.unlogged} (at most "
            f"{self.unlogged_max}); {len(self.findings)} findings: {verdict}"
        )


class Disorder:
    """A stack on which traders trade, triggers are armed, and processes are killed and frozen."""

    def __init__(
        self, reactor: Any, stack: LocalStack, seed: int, inflictions: Inflictions
    ) -> None:
        self._reactor = reactor
        self._stack = stack
        self._seed = seed
        self._inflictions = inflictions
        self._random = random.Random(seed)
        self._symbols = symbols_of(SYMBOLS)
        self._low = set(self._symbols[::2])
        self._armed: dict[str, int] = {}
        self._notes = Notes()
        self._crowd = Crowd(reactor, stack, self._random, self._symbol, self._notes)
        self.outcome = Outcome()

    def _symbol(self) -> str:
        return self._random.choice(self._symbols)

    async def reign(self, times: int, *, is_quick: bool) -> None:
        """Kill or freeze something so many times, while triggers are armed; then wait for all.

        Quickly: every trigger is met when it is armed, so that none waits for another price.
        """
        for symbol in self._symbols:
            await self._pin(symbol, LOW if is_quick or symbol in self._low else HIGH)
        trading = begin(self._crowd, [f"trader-{number}" for number in range(TRADERS)])
        faults = [Deferred.fromCoroutine(self._inflict(fault)) for fault in self._plan(times)]
        ended = DeferredList(faults, fireOnOneErrback=True, consumeErrors=True)
        while not ended.called:
            await self._arm_some()
            await deferLater(self._reactor, EVERY_S)
        await ended
        for symbol in self._symbols:
            await self._pin(symbol, LOW)
        await self._all_have_fired()
        self._crowd.is_over = True
        await DeferredList(trading, consumeErrors=True)
        self._crowd.close()
        self.outcome.stale = sum(seen.is_stale for seen in self._notes.seen)

    async def _pin(self, symbol: str, price: str) -> None:
        await self._tell(f"price {symbol} {price}")

    async def _tell(self, line: str) -> str:
        control = self._stack.addresses.control
        assert control is not None
        return await tell_double(self._stack.endpoint(control), line)

    async def _arm_some(self) -> None:
        """Arm triggers of users of their own, one for each, so that each must fire."""
        for _ in range(TRIGGERS_AT_A_TIME):
            user, symbol = f"armed-{len(self._armed)}", self._symbol()
            send, number = self._crowd.send, self._crowd.next_number
            await send(user, Add(user, number(), 1_000_00))
            await send(user, SetBuyAmount(user, number(), symbol, 100_00))
            reply = await send(user, SetBuyTrigger(user, number(), symbol, TRIGGER_CENTS))
            assert isinstance(reply, Receipt), reply
            self._armed[user] = 0

    def _plan(self, times: int) -> list[Fault]:
        targets = {
            part: [f"{part}-{number}" for number in (1, 2)] for part in (Part.QUOTES, Part.TRIGGERS)
        }
        return draw_plan(self._seed, times, EVERY_S, KINDS, targets)

    async def _inflict(self, fault: Fault) -> None:
        await deferLater(self._reactor, fault.at_s)
        await self._inflictions.inflict(fault, lambda: self._begun(fault))

    def _begun(self, fault: Fault) -> None:
        if fault.kind.action is Action.KILL:
            self.outcome.kills += 1
            self.outcome.unlogged_max += SYMBOLS if fault.kind.part is Part.QUOTES else 0
        else:
            self.outcome.freezes += 1

    async def _all_have_fired(self) -> None:
        """Wait until every trigger has fired, or the time for that has passed."""
        left_s = FIRED_WITHIN_S
        while left_s > 0:
            self._count(await deferToThread(self._firings))
            if all(self._armed.values()):
                return
            await deferLater(self._reactor, 1.0)
            left_s -= 1.0

    def _firings(self) -> Counter[str]:
        entries = (stored.entry for stored in read_entries(self._stack.audit_path))
        return Counter(entry.user for entry in entries if entry.cause is Cause.FIRING)

    def _count(self, firings: Counter[str]) -> None:
        self._armed = {user: firings[user] for user in self._armed}

    async def judge(self) -> None:
        """Look at the log and the ledger of the stack, whose services have stopped."""
        ledger = await read_ledger(self._stack.store)
        log: LogReport = await deferToThread(check_log, self._stack.audit_path, ledger)
        self._count(await deferToThread(self._firings))
        outcome = self.outcome
        outcome.armed = len(self._armed)
        outcome.fired = sum(self._armed.values())
        outcome.twice = sum(fired > 1 for fired in self._armed.values())
        outcome.missed = sum(fired == 0 for fired in self._armed.values())
        outcome.unlogged = outcome.hits - log.hits_told
        outcome.findings = [
            f"{each.kind.value}: {each.where}: {each.what}" for each in log.findings
        ]


def _cut(name: str) -> None:
    raise AssertionError(f"the connections to {name} are not to be cut")


async def strike(reactor: Any, times: int, seed: int, *, is_quick: bool = False) -> int:
    """Play it on a stack of its own, write what came of it, and return the exit code."""
    settings = StackSettings(nodes=2, proxies=2, trigger_services=2, legacy_delay="course")
    with TemporaryDataDirectory() as directory:
        stack = LocalStack(reactor, directory, settings, lambda _name, _status: None)
        inflictions = Inflictions(reactor, stack, {}, WallClocks(directory.run_dir), _cut)
        disorder = Disorder(reactor, stack, seed, inflictions)
        try:
            await stack.start()
            await disorder.reign(times, is_quick=is_quick)
            assert stack.addresses.control is not None
            disorder.outcome.hits = await charged_hits(stack.endpoint(stack.addresses.control))
            await stack.stop_services()
            await disorder.judge()
        finally:
            await stack.stop()
    outcome = disorder.outcome
    sys.stdout.write("".join(f"{each}\n" for each in [*outcome.findings, outcome]))
    return 0 if outcome.is_good else 1


@click.command()
@click.option("--times", type=int, default=50, show_default=True, help="Kills and freezes.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--quick", is_flag=True, help="Arm only triggers that are met at once.")
def main(times: int, seed: int, quick: bool) -> None:
    """Kill and freeze quote proxies and trigger services at random."""
    sys.exit(run(lambda reactor: strike(reactor, times, seed, is_quick=quick)))


if __name__ == "__main__":
    main()
