"""The file that keeps the log: what is added, what is refused, and what is read back."""

import sqlite3
import tracemalloc
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from audit.database import Addition, Database, Gap, connect
from audit.fitness import BadEntries
from audit.reading import read_entries
from ledger.entry import Entry, decode_entry, encode_entry
from protocol.messages import COMMANDS
from protocol.quote import Quote
from tests.audit.journal import START_MS, journal, plain_entries, plain_entry

MIB = 1024 * 1024
STREAM = "node-1/0"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "audit.sqlite"


def numbers(path: Path, user: str = "", positions: dict[str, int] | None = None) -> list[int]:
    """The numbers of what is read."""
    return [stored.number for stored in read_entries(path, user, positions)]


def test_entries_are_read_as_they_were_added(path: Path) -> None:
    made = journal(1, 200)
    assert Database(path).add([Addition(STREAM, 1, made.encoded)]) == [len(made.entries)]
    assert list(read_entries(path)) == made.stored(STREAM)


def test_the_file_remembers_how_far_each_stream_is(path: Path) -> None:
    database = Database(path)
    database.add([Addition("a/0", 1, plain_entries(1, 3)), Addition("b/0", 1, plain_entries(1, 2))])
    database.close()
    assert Database(path).positions() == {"a/0": 3, "b/0": 2}


def test_what_is_stored_already_is_passed_over(path: Path) -> None:
    database = Database(path)
    database.add([Addition(STREAM, 1, plain_entries(1, 5))])
    again = [Addition(STREAM, 2, plain_entries(2, 4)), Addition(STREAM, 3, plain_entries(3, 7))]
    assert database.add(again) == [5, 7]
    assert numbers(path) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("first_number", [0, 5])
def test_entries_that_do_not_follow_are_refused_with_the_number_wanted(
    path: Path, first_number: int
) -> None:
    database = Database(path)
    database.add([Addition(STREAM, 1, plain_entries(1, 3))])
    (gap,) = database.add([Addition(STREAM, first_number, plain_entries(5, 6))])
    assert isinstance(gap, Gap)
    assert gap.expected_number == 4
    assert numbers(path) == [1, 2, 3]


def test_a_refused_addition_does_not_touch_the_others_of_its_transaction(path: Path) -> None:
    first, gap, second = Database(path).add(
        [
            Addition("a/0", 1, plain_entries(1, 1)),
            Addition("b/0", 9, plain_entries(9, 9)),
            Addition("a/0", 2, plain_entries(2, 2)),
        ]
    )
    assert (first, type(gap), second) == (1, Gap, 2)


def of_no_command() -> Entry:
    """An entry that bears a message's kind which is no command."""
    return replace(plain_entry(1), kind=1)


def in_the_far_future() -> Entry:
    """An entry with a time that no file can hold."""
    return replace(plain_entry(1), decided_ms=2**63)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\x01",
        plain_entries(1, 1)[0][:-1],
        encode_entry(of_no_command()),
        encode_entry(in_the_far_future()),
        encode_entry(replace(plain_entry(1), transaction_num=0)),
        encode_entry(replace(plain_entry(1), quote=Quote("A", 1, 2**63, "k", "u"))),
    ],
)
def test_an_entry_that_could_never_be_told_is_not_kept(path: Path, bad: bytes) -> None:
    database = Database(path)
    (refusal,) = database.add([Addition(STREAM, 1, [bad])])
    assert isinstance(refusal, BadEntries)
    assert (database.positions(), numbers(path)) == ({}, [])


@pytest.mark.parametrize("name", ["", "a\nb"])
def test_a_stream_has_a_printable_name(path: Path, name: str) -> None:
    (refusal,) = Database(path).add([Addition(name, 1, plain_entries(1, 1))])
    assert isinstance(refusal, BadEntries)


def test_a_commit_waits_for_the_disk(path: Path) -> None:
    """SQLite's synchronous = FULL is 2; in WAL mode, less would lose commits with the power."""
    connection = connect(path)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_of_another_layout_is_refused(path: Path) -> None:
    sqlite3.connect(path).execute("PRAGMA user_version = 99")
    with pytest.raises(sqlite3.DatabaseError, match="layout"):
        Database(path)


# Hits.


def quoted(number: int, quote: Quote) -> bytes:
    """An encoded entry with a price."""
    kind = COMMANDS["QUOTE"].KIND
    return encode_entry(replace(plain_entry(number), kind=kind, symbol="A", quote=quote))


HIT = Quote("A", 100, START_MS, "key", "ann")


def bearers(path: Path) -> list[tuple[str, int]]:
    """Which entries bear their hits."""
    return [(stored.stream, stored.number) for stored in read_entries(path) if stored.bears_hit]


def test_the_first_entry_that_is_stored_with_a_hit_bears_it(path: Path) -> None:
    database = Database(path)
    database.add([Addition("b/0", 1, [quoted(1, HIT), quoted(2, HIT)])])
    database.add([Addition("a/0", 1, [quoted(1, HIT)])])
    database.close()
    Database(path).add([Addition("b/0", 3, [quoted(3, HIT)])])
    assert bearers(path) == [("b/0", 1)]


@pytest.mark.parametrize(
    "other",
    [replace(HIT, symbol="B"), replace(HIT, quoted_ms=START_MS + 1), replace(HIT, cryptokey="k")],
)
def test_another_hit_has_a_bearer_of_its_own(path: Path, other: Quote) -> None:
    entries = [quoted(1, HIT), quoted(2, other), quoted(3, HIT)]
    Database(path).add([Addition(STREAM, 1, entries)])
    assert bearers(path) == [(STREAM, 1), (STREAM, 2)]


@pytest.mark.parametrize("other", [replace(HIT, asker="bob"), replace(HIT, price_cents=1)])
def test_a_hit_is_the_same_whoever_asked_and_whatever_the_price(path: Path, other: Quote) -> None:
    database = Database(path)
    for number, quote in enumerate([HIT, other, HIT, other], start=1):
        database.add([Addition(STREAM, number, [quoted(number, quote)])])
    assert bearers(path) == [(STREAM, 1)]


def test_a_hit_of_a_refused_addition_is_still_to_be_borne(path: Path) -> None:
    database = Database(path)
    database.add([Addition("a/0", 2, [quoted(2, HIT)]), Addition("b/0", 1, [quoted(1, HIT), b""])])
    database.add([Addition("c/0", 1, [quoted(1, HIT)])])
    assert bearers(path) == [("c/0", 1)]


@pytest.mark.parametrize("seed", range(20))
def test_however_entries_arrive_each_hit_is_borne_once(path: Path, seed: int) -> None:
    """Two streams that share hits, cut into batches, sent with overlaps and across restarts."""
    source = Random(seed)
    made = journal(seed, 60).encoded
    streams = {"a/0": made[:40], "b/0": made[20:]}
    database = Database(path)
    while any(database.positions().get(name, 0) < len(all_) for name, all_ in streams.items()):
        name = source.choice(sorted(streams))
        stored = database.positions().get(name, 0)
        first = source.randint(max(0, stored - 3), stored)
        database.add(
            [Addition(name, first + 1, streams[name][first : first + source.randint(0, 9)])]
        )
        if source.random() < 0.2:
            database.close()
            database = Database(path)
    database.close()
    told = [stored.entry.quote for stored in read_entries(path) if stored.bears_hit]
    carried = {entry.quote for entry in map(decode_entry, made) if entry.quote is not None}
    assert len(told) == len(carried)
    assert set(told) == carried


# Reading.


def test_streams_are_read_merged_by_time_then_name_then_number(path: Path) -> None:
    def at(*times_ms: int) -> list[bytes]:
        return [encode_entry(plain_entry(1, decided_ms=START_MS + ms)) for ms in times_ms]

    database = Database(path)
    database.add([Addition("b/0", 1, at(0, 5, 5)), Addition("a/0", 1, at(1, 5))])
    database.add([Addition("a/0", 3, at(5, 9)), Addition("b/0", 4, at(7))])
    read = [(s.entry.decided_ms - START_MS, s.stream, s.number) for s in read_entries(path)]
    assert read == [
        (0, "b/0", 1),
        (1, "a/0", 1),
        (5, "a/0", 2),
        (5, "a/0", 3),
        (5, "b/0", 2),
        (5, "b/0", 3),
        (7, "b/0", 4),
        (9, "a/0", 4),
    ]


def test_reading_ends_at_the_positions_and_passes_over_other_streams(path: Path) -> None:
    database = Database(path)
    for first in (1, 4, 7):
        database.add([Addition("a/0", first, plain_entries(first, first + 2))])
    database.add([Addition("b/0", 1, plain_entries(1, 3))])
    assert numbers(path, positions={"a/0": 5}) == [1, 2, 3, 4, 5]
    assert numbers(path, positions={"a/0": 5, "c/0": 9}) == [1, 2, 3, 4, 5]
    assert numbers(path, positions={}) == []


def test_one_user_reads_that_users_entries_only(path: Path) -> None:
    made = journal(2, 300)
    database = Database(path)
    for start in range(0, len(made.entries), 20):
        database.add([Addition(STREAM, start + 1, made.encoded[start : start + 20])])
    anns = [stored for stored in made.stored(STREAM) if stored.entry.user == "ann"]
    assert anns
    assert list(read_entries(path, "ann")) == anns
    assert list(read_entries(path, "an")) == []


def test_one_users_log_is_found_without_reading_the_others(path: Path) -> None:
    """The other batches are made unreadable: whoever reads them fails."""
    database = Database(path)
    database.add([Addition(STREAM, 1, plain_entries(1, 3, "ann"))])
    database.add([Addition(STREAM, 4, plain_entries(4, 6, "bob"))])
    database.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE batch SET entries = x'c1' WHERE first_number = 4")
    assert numbers(path, "ann") == [1, 2, 3]


def test_what_is_past_the_positions_is_not_even_fetched(path: Path) -> None:
    database = Database(path)
    database.add(
        [Addition(STREAM, 1, plain_entries(1, 3)), Addition(STREAM, 4, [*plain_entries(4, 6)])]
    )
    database.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE batch SET entries = x'c1' WHERE first_number = 4")
    assert numbers(path, positions={STREAM: 3}) == [1, 2, 3]


def test_what_is_added_while_it_is_read_does_not_show(path: Path) -> None:
    database = Database(path)
    database.add([Addition(STREAM, 1, plain_entries(1, 2))])
    reading = read_entries(path)
    assert next(reading).number == 1
    database.add([Addition(STREAM, 3, plain_entries(3, 4))])
    assert [stored.number for stored in reading] == [2]


def test_a_long_log_is_read_in_constant_memory(path: Path) -> None:
    database = Database(path)
    for first in range(1, 100_000, 1_000):
        batch = plain_entries(first, first + 999)
        database.add([Addition("a/0", first, batch), Addition("b/0", first, batch)])
    tracemalloc.start()
    try:
        count = len([None for _ in read_entries(path)])
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 200_000
    assert peak_bytes < 4 * MIB
