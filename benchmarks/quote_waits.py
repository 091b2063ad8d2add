"""How long commands wait for prices of hot stocks, and what that costs, on a whole stack.

Run by `make quote-waits`: some windows of trade on the course's delays, after one to warm up, in
which the stocks come into use one after the other: all at once, each could be paid for once more
just before the end. Exits with 1 where more than one price in a hundred was not at hand, or there
were more hits than the lead of the policy allows (docs/adr/0009, SPEC section 1).
"""

import random
import sys
from typing import Any

import click
from msgspec import Struct
from twisted.internet.defer import DeferredList
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from benchmarks.quote_traders import Crowd, Notes, begin, symbols_of
from daytrade.data_directory import TemporaryDataDirectory
from daytrade.double_control import charged_hits
from daytrade.local_run import tell_exit
from daytrade.price_layers import ask_figures
from daytrade.running import run
from daytrade.stack import LocalStack
from daytrade.stack_settings import StackSettings
from daytrade.verification import check_log, read_ledger
from quote_proxy.ahead import AHEAD_S_MAX

TRADERS = 24
SYMBOLS = 40
WINDOW_S = 60.0
WAITED_PERCENT_MAX = 1.0


class Waits(Struct):
    """What the trade has come to.

    :ivar asked: prices asked for after the warm-up; those `waited` for were not at hand.
    :ivar seconds: how long was traded, the warm-up included.
    :ivar hits: as the quote server counts them; `logged`: as the log tells them.
    """

    asked: int
    waited: int
    seconds: float
    stale: int
    hits: int
    hits_minimum: int
    logged: int

    @property
    def waited_percent(self) -> float:
        """Of a hundred prices, those that were not at hand."""
        return 100.0 * self.waited / self.asked

    @property
    def hits_max(self) -> float:
        """What the lead allows over a long time (SPEC section 1, "Quotes")."""
        return self.hits_minimum * WINDOW_S / (WINDOW_S - AHEAD_S_MAX)

    @property
    def is_good(self) -> bool:
        """Hardly anybody waited, and nothing was paid in vain."""
        is_right = not self.stale and self.hits == self.logged <= self.hits_max
        return is_right and self.waited_percent <= WAITED_PERCENT_MAX

    def __str__(self) -> str:
        """One line of figures."""
        return (
            f"{self.seconds:.0f} s, {SYMBOLS} stocks: {self.asked:,} prices asked for after the "
            f"warm-up, {self.waited_percent:.3f}% not at hand; stale {self.stale}; {self.hits} "
            f"hits, {self.logged} logged, at least {self.hits_minimum} needed, at most "
            f"{self.hits_max:.1f} allowed: {'ok' if self.is_good else 'BAD'}"
        )


async def measure(reactor: Any, stack: LocalStack, seconds: float, seed: int) -> Waits:
    """Trade for so long after the warm-up, stop the services, and look at the log."""
    symbols, source, notes = symbols_of(SYMBOLS), random.Random(seed), Notes()
    started_s = reactor.seconds()

    def asked_for() -> str:
        """One of the stocks in use: they come into use one by one, over the warm-up."""
        share = min(1.0, (reactor.seconds() - started_s) / WINDOW_S)
        return source.choice(symbols[: 1 + int(share * (SYMBOLS - 1))])

    crowd = Crowd(reactor, stack, source, asked_for, notes)
    trading = begin(crowd, [f"trader-{number}" for number in range(TRADERS)])
    await deferLater(reactor, WINDOW_S)
    asked_before, waited_before = await _asked(reactor, stack)
    await deferLater(reactor, seconds)
    asked, waited = await _asked(reactor, stack)
    crowd.is_over = True
    await DeferredList(trading, fireOnOneErrback=True, consumeErrors=True)
    crowd.close()
    assert stack.addresses.control is not None
    hits = await charged_hits(stack.endpoint(stack.addresses.control))
    await stack.stop_services()
    ledger = await read_ledger(stack.store)
    log = await deferToThread(check_log, stack.audit_path, ledger)
    return Waits(
        asked - asked_before,
        waited - waited_before,
        WINDOW_S + seconds,
        sum(seen.is_stale for seen in notes.seen),
        hits,
        log.legacy_hits_minimum,
        log.hits_told,
    )


async def _asked(reactor: Any, stack: LocalStack) -> tuple[int, int]:
    """Prices asked for at the nodes so far, and those that were not at hand."""
    ways = [
        (await ask_figures(reactor, stack, address))["daytrade_quotes"]
        for address in stack.addresses.nodes.values()
    ]
    waited = sum(round(each["coalesced"] + each["missed"]) for each in ways)
    return waited + sum(round(each["fresh"]) for each in ways), waited


async def trade(reactor: Any, seconds: float, seed: int) -> int:
    """Measure on a stack of its own, write what came of it, and return the exit code."""
    settings = StackSettings(nodes=2, legacy_delay="course", seed=seed)
    with TemporaryDataDirectory() as directory:
        stack = LocalStack(reactor, directory, settings, tell_exit)
        try:
            await stack.start()
            waits = await measure(reactor, stack, seconds, seed)
        finally:
            await stack.stop()
    sys.stdout.write(f"{waits}\n")
    return 0 if waits.is_good else 1


@click.command()
@click.option("--seconds", type=float, default=240.0, show_default=True, help="After the warm-up.")
@click.option("--seed", type=int, default=1, show_default=True)
def main(seconds: float, seed: int) -> None:
    """Measure how long commands wait for prices of hot stocks."""
    sys.exit(run(lambda reactor: trade(reactor, seconds, seed)))


if __name__ == "__main__":
    main()
