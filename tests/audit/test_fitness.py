"""What may be kept of what nodes append, and what is noted of it."""

import pytest
from msgspec.structs import replace

from audit.batch_users import pack_users
from audit.fitness import BadEntries, understand_entries
from audit.records import COMMAND_KINDS
from ledger.entry import encode_entry
from protocol.messages import COMMANDS
from protocol.quote import Quote
from tests.audit.journal import START_MS, plain_entries, plain_entry

STREAM = "node-1/0"
HIT = Quote("A", 100, START_MS, "key", "ann")


def is_fit(kind: int) -> bool:
    """Whether an entry of this kind is taken."""
    try:
        understand_entries(STREAM, [encode_entry(replace(plain_entry(1), kind=kind))], set())
    except BadEntries:
        return False
    return True


def test_every_kind_of_command_makes_a_record_and_no_other_does() -> None:
    assert {kind for kind in range(-1, 300) if is_fit(kind)} == COMMAND_KINDS


@pytest.mark.parametrize("cut", [1, -1])
def test_each_entry_must_be_whole_by_itself(cut: int) -> None:
    """Two of them that are cut elsewhere than they were joined are no entries."""
    joined = b"".join(plain_entries(1, 2))
    middle = len(plain_entries(1, 1)[0]) + cut
    with pytest.raises(BadEntries):
        understand_entries(STREAM, [joined[:middle], joined[middle:]], set())


def test_one_bad_entry_refuses_all() -> None:
    with pytest.raises(BadEntries, match="node-1/0"):
        understand_entries(STREAM, [*plain_entries(1, 3), b"", *plain_entries(5, 6)], set())


def test_users_and_the_times_of_the_first_and_last_are_noted() -> None:
    entries = [plain_entry(1, "bob", 50), plain_entry(2, "ann", 70), plain_entry(3, "bob", 60)]
    batch = understand_entries(STREAM, list(map(encode_entry, entries)), set())
    assert batch.users == pack_users(["ann", "bob"])
    assert (batch.first_ms, batch.last_ms) == (50, 60)


def test_hits_that_are_settled_are_passed_over() -> None:
    """A price that another user asked for is judged anew, even if its hit may be the same."""
    quotes = [HIT, None, replace(HIT, cryptokey="k"), replace(HIT, asker="bob"), HIT]
    kind = COMMANDS["QUOTE"].KIND
    encoded = [encode_entry(replace(plain_entry(1), kind=kind, quote=quote)) for quote in quotes]
    first = understand_entries(STREAM, encoded, set())
    assert [place for place, _ in first.unsettled] == [0, 2, 3, 4]
    settled = {entry.quote for place, entry in first.unsettled if place == 0 and entry.quote}
    again = understand_entries(STREAM, encoded, settled)
    assert [place for place, _ in again.unsettled] == [2, 3]
