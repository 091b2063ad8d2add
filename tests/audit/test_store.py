"""The log's storage on the event loop: shared transactions, failures told, positions awaited."""

import gc
import sqlite3
import weakref
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from audit.database import Database, Gap
from audit.store import NotStored, Store
from protocol.errors import Code
from tests.audit.journal import plain_entries
from tests.audit.links import ThreadDouble, outcome_of, settle


class StoreTests:
    """A store over a file, with a writer thread that the test can stall."""

    @pytest.fixture(autouse=True)
    def _open(self, tmp_path: Path) -> None:
        self.clock = Clock()
        self.writer = ThreadDouble(self.clock)
        self.path = tmp_path / "audit.sqlite"
        self.store = Store(self.clock, self.path, self.writer, ThreadDouble(self.clock))
        outcome_of(Deferred.fromCoroutine(self.store.open()))
        settle(self.clock)
        self.writer.done = 0

    def append(self, first: int, last: int, stream: str = "a/0") -> list[object]:
        """Append plain entries, and return what will become of it."""
        return outcome_of(self.store.append(stream, first, plain_entries(first, last)))


class TestAppending(StoreTests):
    def test_an_append_fires_once_it_is_in_the_file_and_not_before(self) -> None:
        self.writer.is_stalled = True
        appended = self.append(1, 3)
        settle(self.clock)
        assert (appended, self.store.positions) == ([], {})
        self.writer.go_on()
        settle(self.clock)
        assert (appended, self.store.positions) == ([3], {"a/0": 3})
        assert Database(self.path).positions() == {"a/0": 3}

    def test_appends_of_one_turn_share_a_transaction(self) -> None:
        appends = [self.append(1, 2), self.append(3, 4), self.append(1, 1, "b/0")]
        settle(self.clock)
        assert appends == [[2], [4], [1]]
        assert self.writer.done == 1

    def test_appends_that_come_during_a_transaction_share_the_next(self) -> None:
        self.append(1, 1)
        self.writer.is_stalled = True
        settle(self.clock)
        late = [self.append(2, 2), self.append(3, 3), self.append(4, 4)]
        settle(self.clock)
        self.writer.go_on()
        settle(self.clock)
        assert late == [[2], [3], [4]]
        assert self.writer.done == 2

    def test_a_gap_fails_its_own_append_only(self) -> None:
        good, bad = self.append(1, 1), self.append(5, 5)
        settle(self.clock)
        assert good == [1]
        assert isinstance(bad[0], Gap)

    def test_a_file_that_cannot_be_written_fails_appends_until_it_can(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(Database, "add", full)
            failed = self.append(1, 1)
            settle(self.clock)
        assert isinstance(failed[0], NotStored)
        assert failed[0].code is Code.AUDIT_UNAVAILABLE
        assert "full" in self.store.trouble
        again = self.append(1, 1)
        settle(self.clock)
        assert (again, self.store.trouble) == ([1], "")

    def test_closing_waits_for_what_is_queued_and_refuses_what_comes_later(self) -> None:
        queued = self.append(1, 1)
        closed = outcome_of(Deferred.fromCoroutine(self.store.close()))
        settle(self.clock)
        assert (queued, closed) == ([1], [None])
        late = self.append(2, 2)
        assert isinstance(late[0], NotStored)

    def test_positions_are_known_again_after_a_restart(self) -> None:
        self.append(1, 7)
        outcome_of(Deferred.fromCoroutine(self.store.close()))
        settle(self.clock)
        store = Store(self.clock, self.path, self.writer, self.writer)
        outcome_of(Deferred.fromCoroutine(store.open()))
        settle(self.clock)
        assert store.positions == {"a/0": 7}


class TestReached(StoreTests):
    def test_positions_are_reached_when_every_stream_is_that_far(self) -> None:
        reached = outcome_of(self.store.reached({"a/0": 2, "b/0": 1}))
        self.append(1, 2)
        settle(self.clock)
        assert reached == []
        self.append(1, 1, "b/0")
        settle(self.clock)
        assert reached == [None]

    def test_what_is_reached_already_is_told_on_the_next_turn(self) -> None:
        reached = outcome_of(self.store.reached({}))
        assert reached == []
        settle(self.clock)
        assert reached == [None]

    def test_one_who_gives_up_waiting_leaves_the_others_waiting(self) -> None:
        given_up = self.store.reached({"a/0": 1})
        other = outcome_of(self.store.reached({"a/0": 1}))
        gone = outcome_of(given_up)
        given_up.cancel()
        self.append(1, 1)
        settle(self.clock)
        assert isinstance(gone[0], CancelledError)
        assert other == [None]

    def test_one_who_gives_up_waiting_is_forgotten(self) -> None:
        given_up = self.store.reached({"a/0": 1})
        trace = weakref.ref(given_up)
        outcome_of(given_up)
        given_up.cancel()
        settle(self.clock)
        del given_up
        gc.collect()
        assert trace() is None
