"""Hits: shipped by whoever paid for them, and told once, by the first entry that used the price."""

from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from audit.database import Addition, Database
from audit.hits import HitRecorder
from audit.reading import read_entries
from audit.records import is_hit_stream
from ledger.entry import decode_entry, encode_entry, hit_entry
from protocol.authentication import AccessRole
from protocol.messages import COMMANDS, Dump, Dumped, StreamPosition
from protocol.quote import Quote
from tests.audit.fake_daemon import FakeDaemon
from tests.audit.journal import START_MS, plain_entry
from tests.audit.links import (
    CREDENTIALS,
    AuditInMemory,
    MemoryEndpoint,
    outcome_of,
    server_factory,
    settle,
)

HITS, NODE = "quotes-1/hits-5", "node-1/0"
HIT = Quote("A", 100, START_MS, "key", "ann")
RECONNECT_S = 5


def told(hit: Quote = HIT, at_ms: int = START_MS) -> bytes:
    """An entry that only tells a hit."""
    return encode_entry(hit_entry(hit, 1, at_ms))


def used(number: int = 1, hit: Quote = HIT) -> bytes:
    """An entry of a command that used the price."""
    kind = COMMANDS["QUOTE"].KIND
    return encode_entry(replace(plain_entry(number), kind=kind, symbol="A", quote=hit))


def bearers(path: Path) -> list[tuple[str, int]]:
    """Which entries bear their hits."""
    return [(stored.stream, stored.number) for stored in read_entries(path) if stored.bears_hit]


class TestBearing:
    """Which entry the bill tells a hit with."""

    @pytest.fixture(autouse=True)
    def _open(self, tmp_path: Path) -> None:
        self.path = tmp_path / "audit.sqlite"
        self.database = Database(self.path)

    def add(self, stream: str, first_number: int, *entries: bytes) -> None:
        (last,) = self.database.add([Addition(stream, first_number, list(entries))])
        assert last == first_number + len(entries) - 1

    def test_a_hit_that_no_command_used_is_borne_by_what_tells_it(self) -> None:
        self.add(HITS, 1, told())
        assert bearers(self.path) == [(HITS, 1)]

    def test_a_command_that_uses_it_later_takes_it_over(self) -> None:
        other = replace(HIT, cryptokey="other")
        self.add(HITS, 1, told(), told(other))
        self.add(NODE, 1, used())
        assert sorted(bearers(self.path)) == [(NODE, 1), (HITS, 2)]

    def test_one_that_used_it_before_it_was_told_keeps_it(self) -> None:
        self.add(NODE, 1, used())
        self.add(HITS, 1, told())
        assert bearers(self.path) == [(NODE, 1)]

    def test_of_two_commands_the_first_that_is_stored_bears_it(self) -> None:
        self.add(HITS, 1, told())
        self.add(NODE, 1, used())
        self.add("node-0/0", 1, used(), used(2))
        assert bearers(self.path) == [(NODE, 1)]

    @pytest.mark.parametrize("bearer", [1, 2])
    def test_in_one_batch_the_command_bears_it_in_whatever_order(self, bearer: int) -> None:
        batch = [told(), told()]
        batch[bearer - 1] = used()
        self.add(NODE, 1, *batch)
        assert bearers(self.path) == [(NODE, bearer)]

    def test_told_twice_it_is_borne_once(self) -> None:
        self.add(HITS, 1, told(), told())
        self.add("node-1/hits-9", 1, told())
        assert bearers(self.path) == [(HITS, 1)]

    def test_it_is_taken_over_after_a_restart_too(self) -> None:
        self.add(HITS, 1, told())
        self.database.close()
        self.database = Database(self.path)
        self.add(NODE, 1, used())
        self.database.close()
        self.database = Database(self.path)
        self.add("node-2/0", 1, used())
        assert bearers(self.path) == [(NODE, 1)]

    def test_a_reading_under_way_tells_each_hit_once_though_its_bearer_changes(self) -> None:
        self.add(HITS, 1, told(), told(replace(HIT, cryptokey="b")))
        reading = read_entries(self.path)
        assert next(reading).bears_hit
        self.add(NODE, 1, used(), used(2, replace(HIT, cryptokey="b")))
        assert [stored.bears_hit for stored in reading] == [True]

    def test_hits_alone_are_read_up_to_their_time_and_not_by_position(self) -> None:
        hits = [replace(HIT, cryptokey=str(n)) for n in range(4)]
        self.add(HITS, 1, *(told(hit, START_MS + n) for n, hit in enumerate(hits)))
        self.add(NODE, 1, used(1, replace(HIT, cryptokey="n")))
        read = read_entries(self.path, "", {NODE: 1}, START_MS + 2)
        assert sorted((s.stream, s.number) for s in read) == [
            (NODE, 1),
            (HITS, 1),
            (HITS, 2),
            (HITS, 3),
        ]


@pytest.mark.parametrize(("until_ms", "records"), [(0, 3), (START_MS, 1), (START_MS + 1, 2)])
def test_a_dump_tells_hits_alone_until_its_time(
    tmp_path: Path, until_ms: int, records: int
) -> None:
    clock = Clock()
    audit = AuditInMemory(clock, tmp_path / "audit.sqlite")
    hits = [told(replace(HIT, cryptokey=str(n)), START_MS + n) for n in range(3)]
    audit.store.append(HITS, 1, hits)
    settle(clock)
    client = audit.client(AccessRole.NODE)
    chunks: list[bytes] = []
    request = Dump("", [], None, 2_000, until_ms)
    outcome = outcome_of(client.request(request, on_chunk=chunks.append))
    settle(clock)
    assert outcome == [Dumped(records)]
    assert b"".join(chunks).count(b"<quoteServer>") == records


class TestRecorder:
    """What ships the hits."""

    @pytest.fixture(autouse=True)
    def _prepare(self) -> None:
        self.clock = Clock()
        self.daemon = FakeDaemon()
        self.endpoint = MemoryEndpoint(self.clock, server_factory(self.clock, self.daemon))
        self.recorder = HitRecorder(
            self.clock,
            "quotes-1",
            self.endpoint,
            CREDENTIALS[AccessRole.NODE],
            lambda: START_MS,
            lambda: 0.1,
        )
        self._cryptokeys = count()
        self.recorded: list[Quote] = []

    def record(self, hits: int = 1) -> None:
        for _ in range(hits):
            self.recorded.append(replace(HIT, cryptokey=str(next(self._cryptokeys))))
            self.recorder.record(self.recorded[-1], 7)
        settle(self.clock)

    def wait(self) -> None:
        for _ in range(RECONNECT_S * 10):
            self.clock.advance(0.1)
            settle(self.clock, 20)

    @property
    def arrived(self) -> list[Quote | None]:
        return [decode_entry(entry).quote for entry in self.daemon.entries]

    def test_hits_arrive_in_order_in_a_stream_of_hits(self) -> None:
        self.recorder.start()
        self.record(3)
        assert self.arrived == self.recorded
        (stream,) = {append.stream for append in self.daemon.appends}
        assert stream == f"quotes-1/hits-{START_MS}"
        assert is_hit_stream(stream)
        assert not is_hit_stream(NODE)
        assert decode_entry(self.daemon.entries[0]).transaction_num == 7

    def test_a_daemon_that_is_away_gets_all_when_it_is_back(self) -> None:
        self.recorder.start()
        self.record(2)
        self.endpoint.go_down()
        self.wait()
        self.record(5)
        assert len(self.arrived) == 2
        self.endpoint.is_down = False
        self.wait()
        self.record()
        assert self.arrived == self.recorded

    def test_draining_waits_until_the_daemon_has_all(self) -> None:
        self.endpoint.is_down = True
        self.recorder.start()
        self.record(2)
        drained = outcome_of(Deferred.fromCoroutine(self.recorder.drain()))
        self.wait()
        assert drained == []
        self.endpoint.is_down = False
        self.wait()
        assert drained == [None]
        assert self.arrived == self.recorded


def test_a_dump_up_to_a_position_tells_the_hits_behind_it_once(tmp_path: Path) -> None:
    clock = Clock()
    audit = AuditInMemory(clock, tmp_path / "audit.sqlite")
    audit.store.append(HITS, 1, [told()])
    audit.store.append(NODE, 1, [used()])
    settle(clock)
    chunks: list[bytes] = []
    request = Dump("", [StreamPosition(NODE, 1)], None, 2_000, START_MS)
    audit.client(AccessRole.NODE).request(request, on_chunk=chunks.append)
    settle(clock)
    assert b"".join(chunks).count(b"<quoteServer>") == 1
