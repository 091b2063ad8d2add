"""A whole and true log gives no finding; every planted fault gives the right one."""

import io
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from audit.findings import FindingKind
from audit.reading import StoredEntry
from audit.records import Record, RecordKind, records_of
from audit.replay import Balance, Money
from audit.verify import verify_dumps, verify_entries
from audit.xml import xml_chunks
from ledger.entry import Entry, Posting
from tests.audit.journal import Journal, journal, plain_entry

Log = list[StoredEntry]
STREAM = "node-1/0"


@pytest.fixture(scope="module")
def made() -> Journal:
    """A journal in which much happens."""
    return journal(7, 1_500)


def findings(log: Log, made: Journal, length: int | None = None) -> set[tuple[FindingKind, str]]:
    """What is found wrong with a log of the journal, and where."""
    positions = {STREAM: len(made.entries) if length is None else length}
    found = verify_entries(log, positions, made.ledger)
    assert all(finding.what for finding in found)
    return {(finding.kind, finding.where) for finding in found}


def changed(log: Log, place: int, change: Callable[[Entry], Entry]) -> Log:
    """The log with another entry at this place."""
    stored = log[place]
    return [*log[:place], replace(stored, entry=change(stored.entry)), *log[place + 1 :]]


def place_of(log: Log, wanted: Callable[[StoredEntry], object]) -> int:
    """The place of an entry in the middle of the log that is as wanted."""
    return next(n for n in range(len(log) // 2, len(log)) if wanted(log[n]))


def test_a_whole_log_has_no_fault(made: Journal) -> None:
    assert findings(made.stored(STREAM), made) == set()


def test_streams_may_be_merged(made: Journal) -> None:
    """Entries of one user lie in two streams, and come out of order within a millisecond."""
    log = made.stored(STREAM)
    halves = [
        replace(stored, stream=f"n/{n % 2}", number=n // 2 + 1) for n, stored in enumerate(log)
    ]
    halves.sort(key=lambda stored: (stored.entry.decided_ms, stored.stream, stored.number))
    assert [h.entry for h in halves] != made.entries
    found = verify_entries(halves, {"n/0": (len(log) + 1) // 2, "n/1": len(log) // 2}, made.ledger)
    assert found == []


def test_a_dropped_entry_is_missed_in_the_stream_and_by_its_user(made: Journal) -> None:
    log = made.stored(STREAM)
    place = place_of(log, lambda s: s.entry.user == "ann" and s.entry.movements)
    found = findings(log[:place] + log[place + 1 :], made)
    assert {(FindingKind.MISSING_ENTRY, STREAM), (FindingKind.MISSING_DECISION, "ann")} <= found
    assert (FindingKind.WRONG_SHARES, "ann") in found


def test_a_log_that_is_cut_off_is_missed(made: Journal) -> None:
    assert (FindingKind.MISSING_ENTRY, STREAM) in findings(made.stored(STREAM)[:-1], made)


def test_a_stream_that_is_not_there_at_all_is_missed(made: Journal) -> None:
    assert (FindingKind.MISSING_ENTRY, STREAM) in findings([], made)


def test_renumbering_does_not_hide_a_dropped_entry(made: Journal) -> None:
    log = made.stored(STREAM)
    place = place_of(log, lambda s: s.entry.user == "bob")
    rest = [replace(stored, number=stored.number - 1) for stored in log[place + 1 :]]
    found = findings(log[:place] + rest, made, len(log) - 1)
    assert (FindingKind.MISSING_DECISION, "bob") in found


def test_a_doubled_entry_is_found(made: Journal) -> None:
    log = made.stored(STREAM)
    again = replace(log[3], number=len(log) + 1, bears_hit=False)
    user = log[3].entry.user
    assert (FindingKind.DOUBLED_DECISION, user) in findings([*log, again], made)


def test_a_doubled_posting_is_found(made: Journal) -> None:
    log = made.stored(STREAM)
    place = place_of(log, lambda s: s.entry.user == "ann" and s.entry.postings)
    doubled = changed(log, place, lambda e: replace(e, postings=e.postings * 2))
    assert findings(doubled, made) == {(FindingKind.WRONG_MONEY, "ann")}


def test_a_changed_cent_is_found(made: Journal) -> None:
    log = made.stored(STREAM)
    place = place_of(log, lambda s: s.entry.user == "bob" and s.entry.postings)

    def a_cent_more(entry: Entry) -> Entry:
        first, *rest = entry.postings
        more = Posting(first.action, first.amount_cents + 1)
        return replace(entry, postings=(more, *rest))

    assert findings(changed(log, place, a_cent_more), made) == {(FindingKind.WRONG_MONEY, "bob")}


@pytest.mark.parametrize("field", ["holding", "reserve"])
def test_a_changed_share_is_found(made: Journal, field: str) -> None:
    log = made.stored(STREAM)
    place = place_of(log, lambda s: s.entry.user == "cid" and s.entry.movements)

    def a_share_more(entry: Entry) -> Entry:
        (move,) = entry.movements
        return replace(entry, movements=(replace(move, **{field: getattr(move, field) + 1}),))

    assert findings(changed(log, place, a_share_more), made) == {(FindingKind.WRONG_SHARES, "cid")}


def test_time_that_goes_back_in_a_stream_is_found(made: Journal) -> None:
    log = made.stored(STREAM)
    place = place_of(log, lambda s: True)
    back = changed(log, place, lambda e: replace(e, decided_ms=e.decided_ms - 60_000))
    assert findings(back, made) == {(FindingKind.TIME_WENT_BACK, STREAM)}


@pytest.mark.parametrize("bears_hit", [True, False])
def test_a_hit_told_twice_or_never_is_found(made: Journal, bears_hit: bool) -> None:
    log = made.stored(STREAM)
    place = next(n for n, s in enumerate(log) if s.entry.quote and s.bears_hit is not bears_hit)
    wrong = [*log[:place], replace(log[place], bears_hit=bears_hit), *log[place + 1 :]]
    ((kind, _),) = findings(wrong, made)
    assert kind is FindingKind.WRONG_HIT


def test_an_account_that_the_log_does_not_know_is_found(made: Journal) -> None:
    ledger = {**made.ledger, "eve": Balance(Money(1, 0))}
    (finding,) = verify_entries(made.stored(STREAM), {}, ledger)
    assert (finding.kind, finding.where) == (FindingKind.WRONG_MONEY, "eve")


def test_an_account_that_the_ledger_lost_is_found(made: Journal) -> None:
    ledger = {user: owned for user, owned in made.ledger.items() if user != "ann"}
    found = verify_entries(made.stored(STREAM), {}, ledger)
    assert {finding.where for finding in found} == {"ann"}


def test_a_decision_that_comes_early_and_twice_is_found() -> None:
    log = [
        StoredEntry(STREAM, number, plain_entry(seq), False)
        for number, seq in enumerate((1, 3, 3, 2), 1)
    ]
    (finding,) = verify_entries(log, {}, {})
    assert (finding.kind, finding.what) == (FindingKind.DOUBLED_DECISION, "number 3")


# The XML alone.


def dump(made: Journal) -> list[Record]:
    """The records of the journal."""
    return [r for s in made.stored(STREAM) for r in records_of(s.entry, "node-1", s.bears_hit)]


def dump_findings(records: list[Record], made: Journal) -> list[tuple[FindingKind, str]]:
    """What is found wrong with a dump."""
    money = {user: owned.money for user, owned in made.ledger.items()}
    source = io.BytesIO(b"".join(xml_chunks(records)))
    return [(finding.kind, finding.where) for finding in verify_dumps([source], money)]


def change_of(records: list[Record], user: str) -> int:
    """The place of an accountTransaction of this user."""
    return next(
        n
        for n, record in enumerate(records)
        if record.kind is RecordKind.ACCOUNT_TRANSACTION and ("username", user) in record.fields
    )


def test_a_whole_dump_has_no_fault(made: Journal) -> None:
    assert dump_findings(dump(made), made) == []


def test_a_change_dropped_from_the_dump_is_found(made: Journal) -> None:
    records = dump(made)
    del records[change_of(records, "ann")]
    assert dump_findings(records, made) == [(FindingKind.WRONG_MONEY, "ann")]


@pytest.mark.parametrize(
    "odd", [("timestamp", "soon"), ("stockSymbol", "ABCD"), ("action", "steal"), ("funds", "1.001")]
)
def test_a_dump_that_is_no_log_is_found(made: Journal, odd: tuple[str, str]) -> None:
    """The schema takes any action and any decimal; the log has four actions and whole cents."""
    records = dump(made)
    place = change_of(records, "ann")
    fields = {**dict(records[place].fields), odd[0]: odd[1]}
    records[place] = Record(records[place].kind, tuple(fields.items()))
    assert dump_findings(records, made) == [(FindingKind.INVALID_XML, "the dump")]
