"""A torn log is cut back to its last good row, goes on from there, and is whole again."""

from pathlib import Path
from random import Random

import pytest

from audit.chain_check import check_chain
from audit.database import Addition, Database, connect
from audit.mending import mend
from audit.reading import read_entries, read_identity, read_last_link, read_security
from tests.audit.journal import START_MS, plain_entries

STREAM, BATCH, BATCHES = "node-1/0", 50, 60


class TestMending:
    """A log of many batches."""

    @pytest.fixture(autouse=True)
    def _store(self, tmp_path: Path) -> None:
        self.path = tmp_path / "audit.sqlite"
        self.ship()
        self.log_id = read_identity(self.path).log_id
        self.content = self.path.read_bytes()

    def ship(self) -> None:
        """Send what the log lacks, as a shipper does that goes on from where it is."""
        database = Database(self.path)
        for first in range(database.positions().get(STREAM, 0) + 1, BATCH * BATCHES, BATCH):
            entries = plain_entries(first, first + BATCH - 1)
            assert database.add([Addition(STREAM, first, entries)]) == [first + BATCH - 1]
        database.close()

    def numbers(self) -> list[int]:
        return [stored.number for stored in read_entries(self.path)]

    def test_a_sound_log_is_left_alone(self) -> None:
        assert mend(self.path, START_MS) is None
        assert self.path.read_bytes() == self.content

    def test_where_there_is_no_file_there_is_nothing_to_mend(self, tmp_path: Path) -> None:
        assert mend(tmp_path / "none", START_MS) is None

    @pytest.mark.parametrize("seed", range(8))
    def test_a_file_cut_off_anywhere_loses_its_end_and_gets_it_again(self, seed: int) -> None:
        cut = Random(seed).randrange(1, len(self.content) - 4096)
        self.path.write_bytes(self.content[:cut])
        mended = mend(self.path, START_MS)
        assert mended is not None
        numbers = self.numbers()
        assert numbers == list(range(1, mended.last_row * BATCH + 1))
        assert cut < len(self.content) // 2 or mended.last_row > BATCHES // 4
        self.ship()
        assert self.numbers() == list(range(1, BATCH * BATCHES + 1))
        assert check_chain(self.path) == []
        assert mend(self.path, START_MS + 1) is None

    def test_it_is_told_and_the_torn_file_is_kept(self) -> None:
        with connect(self.path) as connection:
            connection.execute("UPDATE batch SET entries = x'90' WHERE id = 41")
        connection.close()
        torn = self.path.read_bytes()
        mended = mend(self.path, START_MS)
        assert mended is not None
        assert mended.last_row == 40
        assert mended.aside.read_bytes() == torn
        (event,) = read_security(self.path)
        assert "row 40" in event.detail
        assert read_identity(self.path).predecessor == self.log_id
        assert read_last_link(self.path).number == 41

    def test_a_row_that_was_lost_from_the_end_alone_with_its_link_stays_is_noticed(self) -> None:
        with connect(self.path) as connection:
            connection.execute("DELETE FROM batch WHERE id = (SELECT max(id) FROM batch)")
        connection.close()
        mended = mend(self.path, START_MS)
        assert mended is not None
        assert mended.last_row == BATCHES - 1
