"""How fast the log is told as XML, and in how much memory: `python -m benchmarks.dumplog`.

Makes a log of journal entries as the rules decide them, tells it all, and in the same run lets
lxml's incremental writer alone write as many constant records, as the measure of the machine. Times
are of the process's own CPU, beside those of the wall, so that a busy machine shows.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from lxml import etree
from msgspec.structs import replace

from audit.database import Addition, Database
from audit.dump import LogText
from audit.reading import read_entries
from ledger.entry import encode_entry
from tests.audit.journal import journal

_CONSTANT_RECORD = (
    ("timestamp", "1700000000000"),
    ("server", "node-1"),
    ("transactionNum", "1"),
    ("command", "ADD"),
    ("username", "ann"),
    ("funds", "100.00"),
)
_STEPS = 3_000
_BATCH = 500
_ENTRIES_PER_MS = 20
_MIB = 1024 if sys.platform == "linux" else 1024 * 1024


@click.command()
@click.option("--records", type=int, default=1_000_000, show_default=True)
@click.option("--rounds", type=int, default=3, show_default=True)
def main(records: int, rounds: int) -> None:
    """Tell a log of about so many records, some times."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.sqlite"
        store_s, entries = _make_log(path, records)
        click.echo(f"stored {entries:,} entries at {store_s / entries * 1e6:.2f} us each")
        for _ in range(rounds):
            _round(path)


def _make_log(path: Path, records: int) -> tuple[float, int]:
    """A log in one stream; returns how long storing took, and of how many entries."""
    made = journal(1, _STEPS).entries
    database = Database(path)
    stored, entries, store_s = 0, 0, 0.0
    while stored < records:
        place = entries % len(made)
        some = (made[place:] + made[:place])[:_BATCH]
        encoded = [
            encode_entry(replace(entry, decided_ms=made[0].decided_ms + entries // _ENTRIES_PER_MS))
            for entry in some
        ]
        begun_s = time.perf_counter()
        database.add([Addition("node-1/0", entries + 1, encoded)])
        store_s += time.perf_counter() - begun_s
        entries += len(some)
        stored = entries * 19 // 10
    database.close()
    return store_s, entries


def _round(path: Path) -> None:
    told, told_cpu_s, told_s = _timed(lambda: _tell(path))
    bare, bare_cpu_s, _ = _timed(lambda: _write_bare(told))
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB
    click.echo(
        f"{told:,} records: {told / told_cpu_s:,.0f} records/s of CPU,"
        f" {told / told_s:,.0f} by the clock; lxml alone {bare / bare_cpu_s:,.0f};"
        f" ratio {told / told_cpu_s / (bare / bare_cpu_s):.2f}; RSS at most {rss_mb:.0f} MiB"
    )


def _timed(work: Callable[[], int]) -> tuple[int, float, float]:
    """The work's count, its seconds of CPU, and those on the clock."""
    cpu_s, clock_s = time.process_time(), time.perf_counter()
    count = work()
    return count, time.process_time() - cpu_s, time.perf_counter() - clock_s


def _tell(path: Path) -> int:
    text = LogText(read_entries(path))
    while text.next_chunk():
        pass
    return text.records


def _write_bare(records: int) -> int:
    """Constant records through lxml's incremental writer."""
    with (
        Path("/dev/null").open("wb") as target,
        etree.xmlfile(target, encoding="utf-8") as document,
        document.element("log"),
    ):
        for _ in range(records):
            with document.element("userCommand"):
                for name, text in _CONSTANT_RECORD:
                    with document.element(name):
                        document.write(text)
    return records


if __name__ == "__main__":
    main()
