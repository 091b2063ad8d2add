"""A log cut to a ledger that was brought back: what stays, what goes, and what tells of it."""

from pathlib import Path

import pytest

from audit.chain_check import check_chain
from audit.cutting import cut_log
from audit.database import Addition, Database
from audit.reading import read_entries, read_identity, read_security
from audit.security import Outcome, SecurityEvent, encode_event
from ledger.entry import encode_entry, hit_entry
from protocol.quote import Quote
from tests.audit.journal import START_MS, journal

LOGGED_IN = SecurityEvent(START_MS, "node-1", "ann", "user", "log in", "", Outcome.DONE)
RESTORED = SecurityEvent(START_MS + 1, "daytrade", "", "", "restore", "", Outcome.DONE)
STREAMS = ("a/0", "b/0")


class TestCutting:
    """A log of two ledger streams, hits and events, cut in the middle of a batch."""

    @pytest.fixture(autouse=True)
    def _cut(self, tmp_path: Path) -> None:
        self.source, self.target = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
        self.encoded = journal(5, 60).encoded
        hit = encode_entry(hit_entry(Quote("ZZ", 5, START_MS, "k", "ann"), 1, START_MS))
        database = Database(self.source)
        for first in range(0, 50, 10):
            for stream in STREAMS:
                database.add([Addition(stream, first + 1, self.encoded[first : first + 10])])
        database.add([Addition("q/hits-1", 1, [hit])])
        database.add([Addition("n/security-1", 1, [encode_event(LOGGED_IN)])])
        database.close()
        self.before = self.source.read_bytes()
        self.left_out = cut_log(
            self.source, self.target, {"a/0": 23, "c/0": 9}, b"heir", "d/security-2", RESTORED
        )

    def test_a_stream_reaches_as_far_as_the_ledger_and_one_that_it_lacks_is_gone(self) -> None:
        numbers = {
            stream: [each.number for each in read_entries(self.target) if each.stream == stream]
            for stream in STREAMS
        }
        assert numbers == {"a/0": list(range(1, 24)), "b/0": []}
        assert self.left_out == 27 + 50

    def test_hits_and_security_events_stay_and_the_cut_is_told_among_them(self) -> None:
        assert "q/hits-1" in {each.stream for each in read_entries(self.target)}
        assert list(read_security(self.target)) == [LOGGED_IN, RESTORED]

    def test_it_is_a_log_of_its_own_that_names_the_one_before(self) -> None:
        assert read_identity(self.target).predecessor == b"heir"
        assert read_identity(self.target).log_id != read_identity(self.source).log_id
        assert check_chain(self.target) == []

    def test_the_log_before_is_not_changed(self) -> None:
        assert self.source.read_bytes() == self.before
