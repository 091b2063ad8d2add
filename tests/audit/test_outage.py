"""An audit daemon that is away, then slow, then has a full disk: trading goes on, nothing is lost.

The short form of RELIABILITY R9, on simulated time and with a real file. `daytrade chaos --only
away` and `--only disk:audit` do it with real processes.
"""

from io import BytesIO
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from audit.chain_check import check_chain
from audit.dump import LogText
from audit.reading import read_entries
from audit.shipper import Shipper
from audit.verify import verify_dumps, verify_entries
from protocol.authentication import AccessRole
from tests.audit.fake_daemon import FakeJournal
from tests.audit.journal import Journal, journal
from tests.audit.links import CREDENTIALS, AuditInMemory, settle

STREAM = "node-1/0"
PER_TENTH_S = 20
MEMORY_BYTES_MAX = 40_000
SLOW_S = 0.2


class TestOutage:
    """A node that decides at a steady rate, whatever becomes of the daemon."""

    @pytest.fixture(autouse=True)
    def _start(self, tmp_path: Path) -> None:
        self.clock = Clock()
        self.path = tmp_path / "audit.sqlite"
        self.made: Journal = journal(9, 6_000)
        self.encoded = self.made.encoded
        self.audit = AuditInMemory(self.clock, self.path)
        self.journal = FakeJournal()
        self.shipper = Shipper(
            self.clock,
            self.audit.endpoint,
            CREDENTIALS[AccessRole.NODE],
            self.journal,
            STREAM,
            lambda: 0.1,
            MEMORY_BYTES_MAX,
        )
        self.shipper.advance_to(0)
        self.shipper.start()
        self.lag_max = 0

    def trade(self, seconds: float) -> None:
        """Let time pass, while entries are committed and handed over."""
        for _ in range(int(seconds * 10)):
            first = len(self.journal.entries)
            some = self.encoded[first : first + PER_TENTH_S]
            self.journal.entries += some
            if some:
                self.shipper.ship(first + 1, some)
            self.clock.advance(0.1)
            settle(self.clock, 30)
            assert self.shipper.lag.held_bytes <= MEMORY_BYTES_MAX
            self.lag_max = max(self.lag_max, self.shipper.lag.entries)

    def go_away(self) -> None:
        self.audit.endpoint.go_down()
        self.trade(8)
        self.audit.endpoint.is_down = False

    def be_slow(self) -> None:
        """Nothing is written but for one transaction now and then."""
        self.audit.writer.is_stalled = True
        for _ in range(10):
            self.trade(SLOW_S)
            self.audit.writer.go_on()
            settle(self.clock, 2)
            self.audit.writer.is_stalled = True
        self.audit.writer.go_on()

    def have_a_full_disk(self) -> None:
        """SQLite's own word for it: the file may not grow."""
        database = self.audit.store._database
        assert database is not None
        connection = database._connection
        connection.execute("PRAGMA wal_checkpoint")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        self.trade(5)
        assert "full" in self.audit.store.trouble
        assert not self.audit.daemon.health().ready
        connection.execute("PRAGMA max_page_count = 1000000")

    def test_everything_arrives_once_whatever_happened(self, failures: list[str]) -> None:
        self.trade(2)
        self.go_away()
        self.trade(2)
        self.be_slow()
        self.have_a_full_disk()
        self.trade(40)
        assert self.lag_max > 1_000
        assert self.shipper.lag.entries == 0
        assert len(self.journal.entries) == len(self.encoded)
        assert self.audit.store.trouble == ""
        assert set(failures) == {"database or disk is full"}
        failures.clear()

        stored = list(read_entries(self.path))
        assert stored == self.made.stored(STREAM)
        assert verify_entries(stored, {STREAM: len(stored)}, self.made.ledger) == []
        assert check_chain(self.path) == []
        text = LogText(read_entries(self.path))
        xml = BytesIO(b"".join(iter(text.next_chunk, b"")))
        money = {user: each.money for user, each in self.made.ledger.items()}
        assert verify_dumps([xml], money) == []
