"""The recorder of security events: nothing waits for the daemon, nothing comes twice."""

from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from audit.reading import read_entries, read_security
from audit.security import TEXT_MAX, Outcome, SecurityEvent, encode_event, is_security_stream
from audit.security_recorder import SecurityRecorder
from protocol.authentication import AccessRole
from protocol.errors import Code, TradeError
from protocol.messages import Append, AppendSecurity, Message
from tests.audit.journal import START_MS, plain_entries
from tests.audit.links import CREDENTIALS, AuditInMemory, outcome_of, settle

EVENTS_MAX = 5


class RecorderTests:
    """A daemon, and a recorder that ships to it and may hold few events."""

    @pytest.fixture(autouse=True)
    def _start(self, tmp_path: Path) -> None:
        self.clock = Clock()
        self.path = tmp_path / "audit.sqlite"
        self.audit = AuditInMemory(self.clock, self.path)
        self.recorder = self.new_recorder(START_MS)
        self.recorder.start()

    def new_recorder(self, started_ms: int) -> SecurityRecorder:
        return SecurityRecorder(
            self.clock,
            "node-1",
            self.audit.endpoint,
            CREDENTIALS[AccessRole.NODE],
            lambda: started_ms,
            lambda: 0.1,
            events_max=EVENTS_MAX,
        )

    def record(self, *actors: str) -> None:
        for actor in actors:
            self.recorder.record(
                actor, "log in", Outcome.DONE, role="user", origin="127.0.0.1:4040"
            )
        settle(self.clock)

    def wait(self) -> None:
        for _ in range(100):
            self.clock.advance(0.1)
            settle(self.clock, 20)

    def stored(self) -> list[SecurityEvent]:
        return list(read_security(self.path))

    def actors(self) -> list[str]:
        return [event.actor for event in self.stored()]


class TestRecording(RecorderTests):
    """What reaches the log."""

    def test_an_event_is_stored_with_all_that_was_said_of_it(self) -> None:
        self.clock.advance(1.5)
        self.recorder.record(
            "ann",
            "log in",
            Outcome.REFUSED,
            role="user",
            origin="127.0.0.1:4040",
            detail="wrong password",
        )
        settle(self.clock)
        assert self.stored() == [
            SecurityEvent(
                START_MS + 1500,
                "node-1",
                "ann",
                "user",
                "log in",
                "127.0.0.1:4040",
                Outcome.REFUSED,
                "wrong password",
            )
        ]

    def test_its_clock_is_set_at_the_start_whatever_the_reactors_was_before(self) -> None:
        recorder = self.new_recorder(START_MS)
        self.clock.rightNow += 1e9
        recorder.start()
        recorder.record("ann", "log in", Outcome.DONE)
        settle(self.clock)
        assert [event.at_ms for event in self.stored()] == [START_MS]

    def test_text_that_would_forge_a_line_is_stored_escaped_and_cut(self) -> None:
        self.record("ann\n2023-11-14 node-1 actor=bob", "x" * 1000)
        escaped, cut = self.actors()
        assert escaped == "ann\\n2023-11-14 node-1 actor=bob"
        assert len(cut) == TEXT_MAX

    def test_events_are_in_no_dump_of_the_log(self) -> None:
        self.record("ann")
        self.audit.store.append("node-1/0", 1, plain_entries(1, 1))
        settle(self.clock)
        assert [stored.stream for stored in read_entries(self.path)] == ["node-1/0"]

    def test_a_process_started_again_records_in_another_stream(self) -> None:
        self.record("ann")
        again = self.new_recorder(START_MS + 5)
        again.start()
        again.record("bob", "log in", Outcome.DONE)
        settle(self.clock)
        assert self.actors() == ["ann", "bob"]
        assert len(self.audit.store.positions) == 2
        assert all(map(is_security_stream, self.audit.store.positions))

    def test_an_answer_that_was_lost_doubles_nothing(self) -> None:
        self.record("ann")
        self.recorder.record("bob", "log in", Outcome.DONE)
        for _ in range(3):
            self.clock.advance(0)
        self.audit.endpoint.cut()
        self.wait()
        assert self.actors() == ["ann", "bob"]


class TestDaemonAway(RecorderTests):
    """While nobody takes the events."""

    @pytest.fixture(autouse=True)
    def _lose_daemon(self, _start: None) -> None:
        settle(self.clock)
        self.audit.endpoint.go_down()

    def test_events_wait_and_arrive_in_order_when_it_is_back(self) -> None:
        self.record("ann", "bob", "cid")
        drained = outcome_of(Deferred.fromCoroutine(self.recorder.drain()))
        self.wait()
        assert (self.actors(), drained) == ([], [])
        self.audit.endpoint.is_down = False
        self.wait()
        assert self.actors() == ["ann", "bob", "cid"]
        assert drained == [None]

    def test_the_oldest_are_kept_and_how_many_were_dropped_is_told_in_both_logs(self) -> None:
        actors = [f"user-{number}" for number in range(EVENTS_MAX + 3)]
        with capturedLogs() as logged:
            self.record(*actors)
            self.audit.endpoint.is_down = False
            self.wait()
            assert self.actors() == actors[:EVENTS_MAX]
            self.record("late")
        told = self.stored()[EVENTS_MAX:]
        assert [(event.actor, event.action) for event in told] == [
            ("", "drop security events"),
            ("late", "log in"),
        ]
        assert "3 events" in told[0].detail
        assert self.recorder.dropped == 0
        errors = [event for event in logged if event["log_level"].name == "error"]
        assert [event.get("dropped") for event in errors] == [None, 3]


class TestDaemonThatLostItsLog(RecorderTests):
    """What it had acknowledged is nowhere any more."""

    def test_what_follows_goes_on_in_a_stream_of_another_name(self) -> None:
        self.record("ann", "bob")
        before = set(self.audit.store.positions)
        self.audit.endpoint.go_down()
        self.record("cid")
        self.path.unlink()
        again = AuditInMemory(self.clock, self.path)
        self.audit.endpoint.factory = again.endpoint.factory
        self.audit.endpoint.is_down = False
        with capturedLogs() as logged:
            self.wait()
        self.record("dan")
        self.wait()
        assert self.actors() == ["cid", "dan"]
        assert before.isdisjoint(again.store.positions)
        assert any("has lost" in event.get("log_format", "") for event in logged)


class TestRefusals(RecorderTests):
    """What the daemon does not take into the security log."""

    def refusal(self, request: Message, role: AccessRole = AccessRole.NODE) -> Code:
        outcome = outcome_of(self.audit.client(role).request(request))
        settle(self.clock)
        (refusal,) = outcome
        assert isinstance(refusal, TradeError)
        return refusal.code

    def test_events_in_a_stream_of_entries_and_entries_in_one_of_events(self) -> None:
        events = [encode_event(SecurityEvent(1, "a", "", "", "", "", Outcome.DONE))]
        assert self.refusal(AppendSecurity("a/0", 1, events)) == Code.BAD_BODY
        assert self.refusal(Append("a/security-1", 1, plain_entries(1, 1))) == Code.BAD_BODY

    @pytest.mark.parametrize(
        "event",
        [b"", b"\x01", encode_event(SecurityEvent(1, "a", "\n", "", "", "", Outcome.DONE))],
    )
    def test_what_is_no_event_or_has_control_characters(self, event: bytes) -> None:
        assert self.refusal(AppendSecurity("a/security-1", 1, [event])) == Code.BAD_BODY
        assert self.stored() == []

    @pytest.mark.parametrize("role", sorted({*AccessRole} - {AccessRole.NODE}))
    def test_anybody_who_is_no_service(self, role: AccessRole) -> None:
        request = AppendSecurity("a/security-1", 1, [])
        assert self.refusal(request, role) == Code.NOT_PERMITTED
