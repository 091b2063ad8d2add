"""How fast a log is verified, and in how much memory: `python -m benchmarks.audit_verify`.

Makes a log as the rules decide it, and does what `daytrade audit verify` does with the file: the
chain and what follows from the rows, every entry, every account decided anew, and the XML against
the schema. The journal in Postgres is left out.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import click

from audit.chain_check import check_chain
from audit.database import Addition, Database
from daytrade.ledger_check import check_against_ledger
from ledger.entry import encode_entry
from tests.audit.journal import Journal, random_step

_STREAM = "node-1/0"
_BATCH = 500
_MIB = 1024 if sys.platform == "linux" else 1024 * 1024


@click.command()
@click.option("--entries", type=int, default=500_000, show_default=True)
def main(entries: int) -> None:
    """Verify a log of so many journal entries; each makes about two records."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.sqlite"
        made, stored = _make_log(path, entries)
        _tell("made", 0.0, 0)
        begun_s = time.process_time()
        findings = check_chain(path)
        _tell(f"{stored:,} entries chained", time.process_time() - begun_s, stored)
        begun_s = time.process_time()
        found, records = check_against_ledger(path, {_STREAM: stored}, made.accounts)
        _tell(f"{records:,} records verified", time.process_time() - begun_s, records)
        click.echo(f"{len(findings) + len(found)} findings")


def _make_log(path: Path, entries: int) -> tuple[Journal, int]:
    """A log in one stream, with the journal that ends with the same accounts."""
    random, made, stored = Random(1), Journal(), 0
    database = Database(path)
    while stored < entries:
        while len(made.entries) < _BATCH:
            made.take(random_step(random))
        database.add([Addition(_STREAM, stored + 1, list(map(encode_entry, made.entries)))])
        stored += len(made.entries)
        made.entries.clear()
    database.close()
    return made, stored


def _tell(what: str, seconds: float, count: int) -> None:
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB
    speed = f" at {count / seconds:,.0f}/s of CPU" if seconds else ""
    click.echo(f"{what}{speed}; RSS at most {rss_mb:.0f} MiB")


if __name__ == "__main__":
    main()
