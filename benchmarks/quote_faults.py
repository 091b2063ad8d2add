"""Every fault of the quote server, one after the other, under load on a whole stack.

Run by `make quote-faults`, in a short form by the suite. A price walks by a rule that is known, so
that each price that decided anything is compared with what the server did say at that moment.
Exits with 1 where a wrong or a stale price was used, a command had no answer by its deadline, or
the server was called more than once a second for a symbol.
"""

import random
import sys
from collections.abc import Sequence
from typing import Any

import click
from msgspec import Struct
from twisted.internet.defer import DeferredList
from twisted.internet.task import deferLater

from benchmarks.quote_traders import Crowd, Notes, begin, symbols_of
from daytrade.data_directory import TemporaryDataDirectory
from daytrade.double_control import tell_double
from daytrade.local_run import tell_exit
from daytrade.running import run
from daytrade.stack import LocalStack
from daytrade.stack_settings import StackSettings
from protocol.errors import Code
from quote_proxy.faults import Fault
from quote_proxy.prices import Prices

TRADERS = 40
SYMBOLS = 40
"""Stocks of each fault: other ones each time, so that their prices must be asked for."""

DEADLINE_S = 20.0
"""Every command has its answer by then, be it that there is no price."""

CALLS_APART_MS = 975
"""A second, less what two calls may take more or less to reach the server."""

RECOVERY_S = 5.0
"""How soon after the end of a fault prices are to be had again; some symbols rest that long."""


class Verdict(Struct):
    """What a fault has led to.

    :ivar priced: prices that decided something while it lasted and just after.
    :ivar calls: how often the server was called while it lasted.
    :ivar apart_ms: the shortest time between two calls for one symbol; None without two.
    :ivar recovered: commands that got a price after the end of the fault.
    """

    fault: Fault
    seconds: float
    answered: int
    unavailable: int
    priced: int
    wrong: int
    stale: int
    longest_s: float
    late: int
    calls: int
    apart_ms: int | None
    recovered: int

    @property
    def is_good(self) -> bool:
        """Nothing that must not be has been."""
        is_spared = self.apart_ms is None or self.apart_ms >= CALLS_APART_MS
        return (
            not (self.wrong or self.stale or self.late)
            and self.longest_s <= DEADLINE_S
            and is_spared
            and self.calls <= SYMBOLS * (self.seconds + 1)
            and self.recovered > 0
        )

    def __str__(self) -> str:
        """One line of figures."""
        return (
            f"{self.fault.value:17} {self.answered:7,} answered, {self.unavailable:6,} without a "
            f"price, {self.priced:5,} prices used: wrong {self.wrong}, stale {self.stale}; "
            f"longest wait {self.longest_s:6.3f} s, unanswered {self.late}; {self.calls:5,} calls, "
            f"apart {'-' if self.apart_ms is None else self.apart_ms} ms; "
            f"{self.recovered:,} priced after it: {'ok' if self.is_good else 'BAD'}"
        )


class FaultRun:
    """A stack, and the faults that its quote server is given."""

    def __init__(self, reactor: Any, stack: LocalStack, settings: StackSettings, seed: int) -> None:
        self._reactor = reactor
        self._stack = stack
        self._random = random.Random(seed)
        self._symbols: list[str] = []
        self._prices = Prices(settings.seed, step_s=settings.price_step_s)
        self._runs = 0

    async def suffer(self, fault: Fault, seconds: float) -> Verdict:
        """Trade before, during and after a fault."""
        notes = Notes()
        crowd = Crowd(self._reactor, self._stack, self._random, self._symbol, notes)
        self._symbols = symbols_of(SYMBOLS * (self._runs + 1))[-SYMBOLS:]
        self._runs += 1
        trading = begin(crowd, [f"trader-{self._runs}-{number}" for number in range(TRADERS)])
        await self._tell(f"fault {fault.value}")
        await deferLater(self._reactor, seconds)
        total, apart_ms = (await self._tell("calls")).split(" ")
        await self._tell(f"fault {Fault.NONE.value}")
        priced = notes.ends[Code.OK]
        await deferLater(self._reactor, RECOVERY_S)
        recovered = notes.ends[Code.OK] - priced
        crowd.is_over = True
        ended = DeferredList(trading, consumeErrors=True)
        ended.addTimeout(DEADLINE_S, self._reactor, lambda _result, _timeout: None)
        await ended
        crowd.close()
        return Verdict(
            fault,
            seconds,
            notes.ends.total(),
            notes.ends[Code.QUOTE_UNAVAILABLE],
            len(notes.seen),
            sum(not seen.is_of(self._prices) for seen in notes.seen),
            sum(seen.is_stale for seen in notes.seen),
            notes.longest_s,
            notes.waiting,
            int(total),
            None if apart_ms == "-" else int(apart_ms),
            recovered,
        )

    def _symbol(self) -> str:
        """Some stocks are asked for far more often than others."""
        return self._symbols[int(len(self._symbols) * self._random.random() ** 3)]

    async def _tell(self, line: str) -> str:
        control = self._stack.addresses.control
        assert control is not None
        return await tell_double(self._stack.endpoint(control), line)


async def suffer_all(reactor: Any, faults: Sequence[Fault], seconds: float, seed: int) -> int:
    """Give a stack all these faults, write a line for each, and return the exit code."""
    settings = StackSettings(nodes=2, legacy_delay="course", price_step_s=0.5, seed=seed)
    is_good = True
    with TemporaryDataDirectory() as directory:
        stack = LocalStack(reactor, directory, settings, tell_exit)
        try:
            await stack.start()
            faulty = FaultRun(reactor, stack, settings, seed)
            for fault in faults:
                verdict = await faulty.suffer(fault, seconds)
                sys.stdout.write(f"{verdict}\n")
                sys.stdout.flush()
                is_good = is_good and verdict.is_good
        finally:
            await stack.stop()
    return 0 if is_good else 1


@click.command()
@click.option("--seconds", type=float, default=60.0, show_default=True, help="For each fault.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.argument("faults", nargs=-1, type=click.Choice([fault.value for fault in Fault]))
def main(seconds: float, seed: int, faults: tuple[str, ...]) -> None:
    """Give the quote server each of FAULTS, or all there are."""
    wanted = [Fault(name) for name in faults] or [each for each in Fault if each is not Fault.NONE]
    sys.exit(run(lambda reactor: suffer_all(reactor, wanted, seconds, seed)))


if __name__ == "__main__":
    main()
