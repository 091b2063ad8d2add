"""The audit daemon as its clients see it, over in-memory connections."""

import sqlite3
from pathlib import Path

import pytest
from lxml import etree
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from audit.database import Database
from audit.records import records_of, server_of
from audit.schema import load_schema
from audit.xml import xml_chunks
from protocol.authentication import AccessRole
from protocol.errors import Code, TradeError
from protocol.messages import (
    Append,
    Appended,
    AppendFrom,
    Dump,
    Dumped,
    Health,
    HealthRequest,
    Message,
    StreamPosition,
)
from service.client import ClientProtocol, ConnectionEnded
from tests.audit.journal import journal, plain_entries
from tests.audit.links import UNREAD_BYTES_MAX, AuditInMemory, outcome_of, settle

STREAM = "node-1/0"
DEADLINE_MS = 2_000


class DaemonTests:
    """A daemon with an empty log."""

    @pytest.fixture(autouse=True)
    def _start(self, tmp_path: Path) -> None:
        self.clock = Clock()
        self.path = tmp_path / "audit.sqlite"
        self.audit = AuditInMemory(self.clock, self.path)
        self.node = self.audit.client(AccessRole.NODE)

    def ask(self, request: Message, client: ClientProtocol | None = None) -> list[object]:
        """What becomes of a request by the node, or by another client."""
        outcome = outcome_of((client or self.node).request(request))
        settle(self.clock)
        return outcome

    def append(self, first: int, last: int, user: str = "ann") -> None:
        """Have plain entries in the log."""
        appended = self.ask(Append(STREAM, first, plain_entries(first, last, user)))
        assert appended == [Appended(STREAM, last)]

    def dump(
        self,
        user: str = "",
        to: int | None = None,
        last: int | None = None,
        client: ClientProtocol | None = None,
    ) -> tuple[list[bytes], list[object]]:
        """Ask for a dump; its chunks, and what becomes of it."""
        chunks: list[bytes] = []
        positions = [] if to is None else [StreamPosition(STREAM, to)]
        at_end = None if last is None else StreamPosition(STREAM, last)
        request = Dump(user, positions, at_end, DEADLINE_MS)
        outcome = outcome_of((client or self.node).request(request, on_chunk=chunks.append))
        settle(self.clock)
        return chunks, outcome


def transactions(chunks: list[bytes]) -> list[int]:
    """The transaction numbers of a dump's records."""
    root = etree.fromstring(b"".join(chunks))
    return [int(record.findtext("transactionNum") or 0) for record in root]


class TestAppends(DaemonTests):
    def test_an_append_is_answered_when_it_is_durable(self) -> None:
        self.audit.writer.is_stalled = True
        appended = self.ask(Append(STREAM, 1, plain_entries(1, 4)))
        assert appended == []
        self.audit.writer.go_on()
        settle(self.clock)
        assert appended == [Appended(STREAM, 4)]
        assert Database(self.path).positions() == {STREAM: 4}

    def test_appends_may_follow_each_other_unanswered(self) -> None:
        answers = [
            outcome_of(self.node.request(Append(STREAM, n, plain_entries(n, n))))
            for n in range(1, 6)
        ]
        settle(self.clock)
        assert answers == [[Appended(STREAM, n)] for n in range(1, 6)]

    def test_a_gap_is_an_error_that_tells_the_number_wanted(self) -> None:
        self.append(1, 2)
        (error,) = self.ask(Append(STREAM, 9, plain_entries(9, 9)))
        assert isinstance(error, TradeError)
        assert "is 3" in error.message

    def test_a_node_learns_where_to_go_on(self) -> None:
        assert self.ask(AppendFrom(STREAM)) == [Appended(STREAM, 0)]
        self.append(1, 2)
        assert self.ask(AppendFrom(STREAM)) == [Appended(STREAM, 2)]

    def test_an_append_of_a_node_that_is_gone_is_kept(self) -> None:
        self.audit.writer.is_stalled = True
        (lost,) = [outcome_of(self.node.request(Append(STREAM, 1, plain_entries(1, 3))))]
        settle(self.clock)
        self.audit.endpoint.cut()
        self.audit.writer.go_on()
        settle(self.clock)
        assert isinstance(lost[0], ConnectionEnded)
        assert self.audit.store.positions == {STREAM: 3}


@pytest.mark.parametrize(
    ("role", "request_", "may"),
    [
        (AccessRole.ADMINISTRATOR, Append(STREAM, 1, plain_entries(1, 1)), False),
        (AccessRole.ADMINISTRATOR, AppendFrom(STREAM), False),
        (AccessRole.ADMINISTRATOR, Dump("", [], None, 0), True),
        (AccessRole.WORKLOAD, Dump("ann", [], None, 0), False),
        (AccessRole.OPERATOR, Dump("", [], None, 0), False),
        (AccessRole.USER, Append(STREAM, 1, plain_entries(1, 1)), False),
    ],
)
class TestRoles(DaemonTests):
    def test_only_nodes_append_and_only_they_and_administrators_dump(
        self, role: AccessRole, request_: Message, may: bool
    ) -> None:
        (answer,) = self.ask(request_, self.audit.client(role))
        refused = isinstance(answer, TradeError) and answer.code is Code.NOT_PERMITTED
        assert refused is not may
        assert self.audit.store.positions == {}


class TestDumps(DaemonTests):
    def test_a_dump_is_the_log_as_xml_with_the_number_of_its_records(self) -> None:
        made = journal(3, 400)
        self.ask(Append(STREAM, 1, made.encoded))
        chunks, (dumped,) = self.dump()
        records = [
            record
            for stored in made.stored(STREAM)
            for record in records_of(stored.entry, server_of(STREAM), stored.bears_hit)
        ]
        assert b"".join(chunks) == b"".join(xml_chunks(records))
        assert len(chunks) > 2
        assert dumped == Dumped(len(records))
        assert load_schema().validate(etree.fromstring(b"".join(chunks)))

    def test_a_user_gets_that_users_records_only(self) -> None:
        self.append(1, 3, "ann")
        self.append(4, 6, "bob")
        chunks, (dumped,) = self.dump("bob")
        assert (transactions(chunks), dumped) == ([4, 5, 6], Dumped(3))

    def test_a_dump_ends_at_its_positions(self) -> None:
        self.append(1, 9)
        chunks, _ = self.dump(to=4)
        assert transactions(chunks) == [1, 2, 3, 4]

    def test_the_last_entry_is_told_last(self) -> None:
        self.append(1, 5)
        chunks, _ = self.dump(to=5, last=2)
        assert transactions(chunks) == [1, 3, 4, 5, 2]

    def test_the_last_entry_is_told_even_past_the_positions(self) -> None:
        self.append(1, 5)
        chunks, _ = self.dump(to=2, last=4)
        assert transactions(chunks)[-1] == 4

    def test_a_dump_waits_for_its_positions(self) -> None:
        self.append(1, 2)
        chunks, outcome = self.dump(to=4)
        assert (chunks, outcome) == ([], [])
        self.append(3, 4)
        assert (transactions(chunks), outcome) == ([1, 2, 3, 4], [Dumped(4)])

    def test_a_dump_waits_for_its_last_entry(self) -> None:
        _, outcome = self.dump(last=1)
        assert outcome == []
        self.append(1, 1)
        assert outcome == [Dumped(1)]

    def test_a_dump_that_waits_past_its_deadline_is_an_error(self) -> None:
        chunks, outcome = self.dump(to=1)
        self.clock.advance(DEADLINE_MS / 1000 - 0.1)
        settle(self.clock)
        assert outcome == []
        self.clock.advance(0.1)
        settle(self.clock)
        (error,) = outcome
        assert isinstance(error, TradeError)
        assert (error.code, chunks) == (Code.AUDIT_UNAVAILABLE, [])

    def test_a_log_that_cannot_be_read_is_an_internal_error(self) -> None:
        self.append(1, 1)
        with sqlite3.connect(self.path) as connection:
            connection.execute("UPDATE batch SET entries = x'c1'")
        with capturedLogs() as events:
            _, (error,) = self.dump()
        assert isinstance(error, TradeError)
        assert error.code is Code.INTERNAL
        assert any("log_failure" in event for event in events)


class TestSlowAndLostReaders(DaemonTests):
    """A log of about 20 chunks, and a client that stops reading it."""

    @pytest.fixture(autouse=True)
    def _fill(self, _start: None) -> None:
        for first in range(1, 8_000, 1_000):
            self.append(first, first + 999)
        self.reader = self.audit.client(AccessRole.ADMINISTRATOR)
        self.end = self.audit.endpoint.clients[-1]

    def test_a_slow_reader_is_sent_no_more_than_it_reads(self) -> None:
        self.end.pauseProducing()
        chunks, outcome = self.dump(client=self.reader)
        assert (chunks, outcome) == ([], [])
        assert self.end.unread_bytes < 4 * UNREAD_BYTES_MAX
        self.end.resumeProducing()
        settle(self.clock)
        assert outcome == [Dumped(8_000)]
        assert transactions(chunks) == list(range(1, 8_001))

    def test_a_slow_reader_does_not_hold_up_appends(self) -> None:
        self.end.pauseProducing()
        self.dump(client=self.reader)
        self.append(8_001, 8_002)

    def test_a_dump_ends_with_its_reader(self) -> None:
        self.end.pauseProducing()
        _, outcome = self.dump(client=self.reader)
        read = self.audit.reader.done
        self.end.abortConnection()
        settle(self.clock)
        assert isinstance(outcome[0], ConnectionEnded)
        assert self.audit.reader.done == read + 1, "only the closing of the file is left to do"

    def test_a_dump_that_is_being_read_from_the_file_ends_with_its_reader(self) -> None:
        self.audit.reader.is_stalled = True
        self.dump(client=self.reader)
        self.end.abortConnection()
        settle(self.clock)
        self.audit.reader.go_on()
        settle(self.clock)
        assert self.audit.reader.done == 2, "the chunk under way, and the closing"

    def test_a_reader_that_is_gone_waits_for_no_position(self) -> None:
        self.dump(to=9_999, client=self.reader)
        self.end.abortConnection()
        settle(self.clock)
        read = self.audit.reader.done
        self.append(8_001, 9_999)
        assert self.audit.reader.done == read


class TestHealth(DaemonTests):
    def test_a_daemon_is_well_until_it_cannot_write(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.ask(HealthRequest()) == [Health(True, "")]

        def broken(*_: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(Database, "add", broken)
        self.ask(Append(STREAM, 1, plain_entries(1, 1)))
        assert self.ask(HealthRequest()) == [Health(False, "disk I/O error")]
