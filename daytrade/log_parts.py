"""A whole audit log as XML, in documents that a validator can take.

Used by `daytrade.verification` and `daytrade.ledger_check`. libxml2's validator keeps something of
each record until the document ends, and takes a true one of thirty million for a false one.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import IO

from audit.dump import LogFile, LogText
from audit.reading import StoredEntry, read_entries
from audit.xml import CHUNK_BYTES

_PART_ENTRIES = 100_000


class LogParts:
    """The log as documents of at most `_PART_ENTRIES` entries, told while they are read.

    :ivar records: told so far.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.records = 0

    def __iter__(self) -> Iterator[IO[bytes]]:
        with closing(read_entries(self._path)) as entries:
            for first in entries:
                text = LogText(_with_following(first, entries))
                with BufferedReader(LogFile(text), CHUNK_BYTES) as xml:
                    yield xml
                self.records += text.records


def _with_following(
    first: StoredEntry, entries: Iterator[StoredEntry]
) -> Generator[StoredEntry, None, None]:
    yield first
    yield from islice(entries, _PART_ENTRIES - 1)
