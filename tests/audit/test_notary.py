"""The notary: every stored row is soon covered by a signed head, and no exchanged file ever is."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from audit.chain import Link
from audit.database import Database, connect
from audit.heads import Head, HeadKey, HeadKeyError
from audit.notary import HEAD_S, Notary
from tests.audit.head_book import MemoryHeads
from tests.audit.journal import START_MS, plain_entries
from tests.audit.links import AuditInMemory, outcome_of, settle

STREAM = "node-1/0"


class NotaryTests:
    """A log, a key and a book."""

    @pytest.fixture(autouse=True)
    def _prepare(self, tmp_path: Path) -> None:
        self.clock = Clock()
        self.path = tmp_path / "audit.sqlite"
        self.key = HeadKey.ensure(tmp_path / "key.pem")
        self.book = MemoryHeads()

    def wall_ms(self) -> int:
        return START_MS + int(self.clock.seconds() * 1000)

    def start(self) -> None:
        """Open the log and begin to sign."""
        self.audit = AuditInMemory(self.clock, self.path)
        store, clock = self.audit.store, self.clock
        self.notary = Notary(clock, store, self.key, self.book, self.wall_ms)
        self.wait_for(self.notary.start())

    def stop(self) -> None:
        self.wait_for(self.notary.stop())
        self.wait_for(self.audit.store.close())

    def wait_for(self, work: object) -> None:
        done = outcome_of(Deferred.fromCoroutine(work))  # type: ignore[arg-type]
        settle(self.clock)
        assert done == [None]

    def append(self, first: int, last: int) -> None:
        self.audit.store.append(STREAM, first, plain_entries(first, last))
        settle(self.clock)

    def look(self) -> None:
        """Let it be time to sign."""
        self.clock.advance(HEAD_S)
        settle(self.clock)

    def signed(self) -> list[int]:
        """The rows at which heads were signed, all of them with our key."""
        assert all(map(self.key.is_ours, self.book.heads))
        return [signed.head.link.number for signed in self.book.heads]


class TestSigning(NotaryTests):
    """What is signed, and when."""

    def test_what_was_stored_is_signed_at_the_next_look_and_only_once(self) -> None:
        self.start()
        self.append(1, 3)
        self.append(4, 5)
        self.look()
        self.look()
        assert self.signed() == [2]
        assert self.book.heads[0].head.link == self.audit.store.link

    def test_an_empty_log_has_nothing_to_sign(self) -> None:
        self.start()
        self.look()
        self.stop()
        assert self.signed() == []

    def test_the_last_row_is_signed_at_the_stop(self) -> None:
        self.start()
        self.append(1, 1)
        self.stop()
        assert self.signed() == [1]

    def test_a_book_out_of_reach_holds_up_nothing_and_gets_the_newest_head_later(self) -> None:
        self.start()
        self.book.is_away = True
        for number in range(1, 4):
            self.append(number, number)
            self.look()
        assert (self.signed(), self.audit.store.positions) == ([], {STREAM: 3})
        assert "away" in self.notary.trouble
        self.book.is_away = False
        self.look()
        assert self.signed() == [3]
        assert self.notary.trouble == ""

    def test_signing_goes_on_after_a_restart(self) -> None:
        self.start()
        self.append(1, 1)
        self.stop()
        self.start()
        self.append(2, 2)
        self.stop()
        assert self.signed() == [1, 2]


class TestExchangedFile(NotaryTests):
    """A file that is not the one signed before."""

    @pytest.fixture(autouse=True)
    def _sign(self, _prepare: None) -> None:
        self.start()
        self.append(1, 2)
        self.append(3, 3)
        self.stop()
        assert self.signed() == [2]

    def refused(self) -> None:
        """Nothing more is signed, though more is stored."""
        self.look()
        self.append(4, 4)
        self.look()
        assert self.signed() == [2]
        assert "verify" in self.notary.trouble

    def test_another_log_is_not_signed(self) -> None:
        self.path.unlink()
        self.start()
        self.append(1, 3)
        self.refused()

    def test_a_log_cut_short_is_not_signed_even_when_it_has_grown_again(self) -> None:
        with connect(self.path) as connection:
            connection.execute("DELETE FROM link WHERE number = 2")
            connection.execute("DELETE FROM batch WHERE id = 2")
            connection.execute("UPDATE stream SET last_number = 2")
        connection.close()
        self.start()
        self.audit.store.append(STREAM, 3, plain_entries(3, 3, "eve"))
        settle(self.clock)
        self.refused()

    def test_a_log_that_says_to_follow_the_signed_one_is(self) -> None:
        heir = self.book.heads[0].head.log_id
        self.path.unlink()
        Database(self.path).close()
        with connect(self.path) as connection:
            connection.execute("UPDATE log SET predecessor = ?", (heir,))
        connection.close()
        self.start()
        self.append(1, 1)
        self.look()
        assert self.signed() == [2, 1]


class TestKey:
    """The key's file."""

    @pytest.fixture(autouse=True)
    def _make(self, tmp_path: Path) -> None:
        self.path = tmp_path / "key.pem"
        self.key = HeadKey.ensure(self.path)
        self.signed = self.key.sign(Head(b"log", Link(7, b"digest"), START_MS))

    def test_it_is_made_once_and_for_its_owner_alone(self) -> None:
        assert self.path.stat().st_mode & 0o777 == 0o600
        assert HeadKey.ensure(self.path).is_ours(self.signed)

    @pytest.mark.parametrize(
        "change", [{"log_id": b"LOG"}, {"link": Link(8, b"digest")}, {"at_ms": START_MS + 1}]
    )
    def test_a_head_that_was_changed_is_not_ours(self, change: dict[str, object]) -> None:
        changed = replace(self.signed, head=replace(self.signed.head, **change))
        assert self.key.is_ours(self.signed)
        assert not self.key.is_ours(changed)

    def test_a_head_by_another_key_is_not_ours(self, tmp_path: Path) -> None:
        other = HeadKey.ensure(tmp_path / "other.pem")
        assert not self.key.is_ours(other.sign(self.signed.head))

    def test_a_file_that_others_may_read_is_refused(self) -> None:
        self.path.chmod(0o640)
        with pytest.raises(HeadKeyError, match="chmod"):
            HeadKey.read(self.path)

    @pytest.mark.parametrize("content", [b"", b"x"])
    def test_a_file_that_holds_no_key_is_refused(self, content: bytes) -> None:
        self.path.write_bytes(content)
        with pytest.raises(HeadKeyError, match="no key"):
            HeadKey.read(self.path)

    def test_a_file_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(HeadKeyError, match="cannot read"):
            HeadKey.read(tmp_path / "none")
