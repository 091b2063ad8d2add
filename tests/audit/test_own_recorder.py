"""The audit daemon's own security events: in its file, in order, each once, also after trouble."""

from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from audit.own_recorder import RETRY_S, OwnRecorder
from audit.reading import read_security
from audit.security import Outcome, SecurityEvent
from audit.store import NotStored, Store
from tests.audit.journal import START_MS
from tests.audit.links import ThreadDouble, outcome_of, settle

EVENTS_MAX = 5


class FlakyStore(Store):
    """A store whose file cannot be written while the test says so."""

    is_broken = False
    is_mad = False

    def append(self, stream: str, first_number: int, entries: list[bytes]) -> Deferred[int]:
        if self.is_broken:
            return fail(NotStored("the disk is full"))
        if self.is_mad:
            return fail(RuntimeError("nobody thought of this"))
        return super().append(stream, first_number, entries)


class TestOwnRecorder:
    @pytest.fixture(autouse=True)
    def _start(self, tmp_path: Path) -> None:
        self.clock = Clock()
        self.path = tmp_path / "audit.sqlite"
        self.store = FlakyStore(
            self.clock, self.path, ThreadDouble(self.clock), ThreadDouble(self.clock)
        )
        outcome_of(Deferred.fromCoroutine(self.store.open()))
        settle(self.clock)
        self.recorder = OwnRecorder(
            self.clock, "audit", self.store, lambda: START_MS, events_max=EVENTS_MAX
        )

    def record(self, *actors: str) -> None:
        for actor in actors:
            self.recorder.record(actor, "log in", Outcome.DONE, role="node", origin="there")
        settle(self.clock)

    def actors(self) -> list[str]:
        return [event.actor for event in read_security(self.path)]

    def test_an_event_is_in_the_file_with_all_that_was_said_of_it(self) -> None:
        self.recorder.start()
        self.clock.advance(1.5)
        self.record("node-1")
        assert list(read_security(self.path)) == [
            SecurityEvent(
                START_MS + 1500, "audit", "node-1", "node", "log in", "there", Outcome.DONE
            )
        ]

    def test_what_happened_before_the_start_is_written_then(self) -> None:
        self.record("node-1", "node-2")
        assert self.actors() == []
        self.recorder.start()
        settle(self.clock)
        assert self.actors() == ["node-1", "node-2"]

    def test_events_wait_while_the_file_cannot_be_written(self) -> None:
        self.recorder.start()
        self.record("before")
        self.store.is_broken = True
        self.record("one", "two")
        assert self.actors() == ["before"]
        drained = outcome_of(Deferred.fromCoroutine(self.recorder.drain()))
        self.store.is_broken = False
        self.clock.advance(RETRY_S)
        settle(self.clock)
        assert self.actors() == ["before", "one", "two"]
        self.clock.advance(1)
        assert drained == [None]

    def test_trouble_that_nobody_thought_of_is_logged_and_the_next_event_takes_the_rest_along(
        self, failures: list[str]
    ) -> None:
        self.recorder.start()
        self.store.is_mad = True
        self.record("one")
        assert failures == ["nobody thought of this"]
        failures.clear()
        self.store.is_mad = False
        self.record("two")
        assert self.actors() == ["one", "two"]

    def test_those_without_room_are_counted_and_told_once_there_is_some(self) -> None:
        self.recorder.start()
        self.store.is_broken = True
        self.record(*(f"name-{number}" for number in range(EVENTS_MAX + 3)))
        assert self.recorder.dropped == 3
        self.store.is_broken = False
        self.clock.advance(RETRY_S)
        settle(self.clock)
        self.record("late")
        told = list(read_security(self.path))
        assert [event.actor for event in told] == [
            *(f"name-{number}" for number in range(EVENTS_MAX)),
            "",
            "late",
        ]
        assert "3 events were dropped" in told[EVENTS_MAX].detail
        assert self.recorder.dropped == 0

    def test_a_stopped_one_writes_no_more(self) -> None:
        self.recorder.start()
        assert outcome_of(Deferred.fromCoroutine(self.recorder.stop())) == [None]
        self.record("late")
        assert self.actors() == []
