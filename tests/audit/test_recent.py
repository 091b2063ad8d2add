"""What a shipper keeps in memory of the newest entries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.recent import RecentEntries, leading


def entry(number: int) -> bytes:
    """An entry of ten bytes that tells its number."""
    return b"%010d" % number


def recent(first: int, last: int, bytes_max: int = 1_000) -> RecentEntries:
    """The entries with these numbers, as far as there is room for them."""
    made = RecentEntries(bytes_max)
    made.add(first, [entry(number) for number in range(first, last + 1)])
    return made


def test_entries_are_given_from_a_number_on() -> None:
    assert recent(1, 5).after(3, 1_000) == [entry(4), entry(5)]


def test_there_is_nothing_after_the_newest() -> None:
    assert recent(1, 5).after(5, 1_000) == []


def test_the_oldest_go_where_there_is_too_much() -> None:
    held = recent(1, 9, bytes_max=40)
    assert held.held_bytes == 40
    assert held.after(4, 1_000) == []
    assert held.after(5, 1_000) == [entry(6), entry(7), entry(8), entry(9)]


def test_what_is_forgotten_is_not_held() -> None:
    held = recent(1, 5)
    held.forget(3)
    assert (held.held_bytes, held.after(2, 1_000)) == (20, [])
    assert held.after(3, 1_000) == [entry(4), entry(5)]


def test_more_may_be_forgotten_than_there_is() -> None:
    held = recent(1, 5)
    held.forget(99)
    held.add(6, [entry(6)])
    assert (held.held_bytes, held.after(5, 1_000)) == (10, [entry(6)])


def test_numbers_left_out_are_not_held_nor_what_was_before_them() -> None:
    held = recent(1, 5)
    held.add(8, [entry(8)])
    assert (held.last_number, held.held_bytes) == (8, 10)
    assert [held.after(number, 1_000) for number in (2, 5, 6)] == [[], [], []]
    assert held.after(7, 1_000) == [entry(8)]


def test_no_entries_at_a_number_say_where_the_journal_is() -> None:
    held = RecentEntries(1_000)
    held.add(100, [])
    assert (held.last_number, held.after(99, 1_000)) == (99, [])


def test_a_number_never_comes_twice() -> None:
    with pytest.raises(AssertionError, match="entry 5"):
        recent(1, 5).add(5, [entry(5)])


def test_bytes_are_limited_but_for_the_first() -> None:
    entries = [b"aa", b"bb", b"cc"]
    assert leading(entries, 4) == [b"aa", b"bb"]
    assert leading(entries, 5) == [b"aa", b"bb"]
    assert leading(entries, 1) == [b"aa"]
    assert leading([], 1) == []


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 20)), max_size=20))
def test_memory_holds_the_newest_that_fit_and_tells_their_size(
    happened: list[tuple[int, int]],
) -> None:
    held, number, forgotten = RecentEntries(100), 0, 0
    for count, forget in happened:
        held.add(number + 1, [entry(n) for n in range(number + 1, number + count + 1)])
        number += count
        held.forget(forget)
        forgotten = max(forgotten, min(forget, number))
        first = max(forgotten, number - 10)
        kept = held.after(first, 1_000)
        assert kept == [entry(n) for n in range(first + 1, number + 1)]
        assert held.held_bytes <= 100
