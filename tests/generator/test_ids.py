"""Command ids never recur, and those of one source sort by when they were made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.ids import CommandIds
from protocol.fields import ID_BYTES, NO_ID, is_reserved_id

RUN = b"abcdef"
START_MS = 1_700_000_000_000


@given(st.lists(st.integers(0, 5_000), min_size=2, max_size=200))
def test_ids_sort_as_they_were_made_while_time_does_not_go_back(pauses_ms: list[int]) -> None:
    now_ms = START_MS
    ids = CommandIds(lambda: now_ms, RUN)
    made = []
    for pause_ms in pauses_ms:
        now_ms += pause_ms
        made.append(ids.next())
    assert made == sorted(set(made))
    assert {len(each) for each in made} == {ID_BYTES}


def test_a_great_many_ids_of_one_millisecond_sort_as_they_were_made() -> None:
    ids = CommandIds(lambda: START_MS, RUN)
    made = [ids.next() for _ in range(70_000)]
    assert made == sorted(made)
    assert not any(map(is_reserved_id, made))


@given(st.lists(st.integers(0, 2**47), min_size=2, max_size=200))
def test_ids_differ_whatever_the_wall_clock_does(times_ms: list[int]) -> None:
    clock = iter(times_ms)
    ids = CommandIds(lambda: next(clock), RUN)
    made = {ids.next() for _ in times_ms}
    assert len(made) == len(times_ms)
    assert NO_ID not in made


def test_runs_that_begin_in_the_same_millisecond_do_not_share_ids() -> None:
    one, other = (CommandIds(lambda: START_MS, run) for run in (RUN, b"ghijkl"))
    assert one.next() != other.next()


def test_a_run_is_told_apart_by_six_bytes() -> None:
    with pytest.raises(AssertionError):
        CommandIds(lambda: START_MS, b"short")
