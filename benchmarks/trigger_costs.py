"""What armed triggers cost: memory for each, and time for a new price, however many wait.

Run as `python -m benchmarks.trigger_costs`. The suite counts comparisons instead of time
(tests/trigger/test_book.py).
"""

import gc
import sys
import time
import tracemalloc
from random import Random

from ledger.account import Side
from ledger.store import ArmedTrigger
from trigger.book import TriggerBook

SYMBOLS = 1_000
COUNTS = (1_000, 10_000, 100_000)
MIDDLE_CENTS = 10_000


def triggers(count: int) -> list[ArmedTrigger]:
    """So many triggers, over all symbols and both sides, none met by the middle price."""
    random = Random(1)
    made = []
    for number in range(count):
        side = Side.BUY if number % 2 else Side.SELL
        away_cents = random.randrange(1, MIDDLE_CENTS // 2)
        price_cents = MIDDLE_CENTS + (away_cents if side is Side.SELL else -away_cents)
        symbol = f"S{number % SYMBOLS}"
        made.append(ArmedTrigger(symbol, side, price_cents, f"user-{number}", number, number + 1))
    return made


def measure(count: int) -> str:
    """One line of figures."""
    made = triggers(count)
    gc.collect()
    tracemalloc.start()
    book = TriggerBook()
    book.replace_all(made)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    started_s = time.perf_counter()
    for number in range(SYMBOLS):
        assert book.met(f"S{number}", MIDDLE_CENTS) == []
    unmet_s = time.perf_counter() - started_s
    started_s = time.perf_counter()
    for number in range(SYMBOLS):
        assert book.oldest(f"S{number}") is not None
    oldest_s = time.perf_counter() - started_s
    return (
        f"{count:8,} armed on {SYMBOLS:,} symbols: {held_bytes / count:5.0f} bytes each; a price "
        f"that meets none {unmet_s / SYMBOLS * 1e6:5.2f} us; the oldest of a symbol "
        f"{oldest_s / SYMBOLS * 1e6:5.2f} us"
    )


def main() -> None:
    """Measure with more and more triggers."""
    for count in COUNTS:
        sys.stdout.write(f"{measure(count)}\n")


if __name__ == "__main__":
    main()
