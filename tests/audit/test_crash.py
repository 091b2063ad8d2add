"""A daemon's file survives the daemon: a writer killed in the middle loses nothing acknowledged."""

import subprocess
import sys
from pathlib import Path

import pytest

from audit.database import Database
from audit.reading import read_entries
from ledger.entry import decode_entry
from tests.audit.journal import plain_entries
from tests.source_tree import ROOT

WRITER = """
import sys
from pathlib import Path
from audit.database import Addition, Database
from tests.audit.journal import plain_entries

database = Database(Path(sys.argv[1]))
number = database.positions().get("a/0", 0) + 1
while True:
    (last,) = database.add([Addition("a/0", number, plain_entries(number, number + 9))])
    print(last, flush=True)
    number = last + 1
"""


def acknowledged_before_kill(path: Path, acknowledgements: int) -> int:
    """Let a process append until it has acknowledged so often, kill it, and return the last number
    that it acknowledged.
    """
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        try:
            for _ in range(acknowledgements):
                assert writer.stdout.readline()
        finally:
            writer.kill()
        whole_lines = writer.stdout.read().rpartition("\n")[0].split()
    return int(whole_lines[-1]) if whole_lines else acknowledgements * 10


@pytest.mark.e2e
def test_what_was_acknowledged_before_a_kill_is_there_and_the_stream_goes_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "audit.sqlite"
    acknowledged = 0
    for kills in range(1, 4):
        acknowledged = max(acknowledged, acknowledged_before_kill(path, 7 * kills))
        stored = [(each.number, each.entry) for each in read_entries(path)]
        assert len(stored) >= acknowledged
        expected = map(decode_entry, plain_entries(1, len(stored)))
        assert stored == list(enumerate(expected, 1))
        database = Database(path)
        assert database.positions() == {"a/0": len(stored)}
        database.close()
