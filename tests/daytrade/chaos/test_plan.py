"""A plan is drawn from its seed alone: the same seed, the same faults at the same moments."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytrade.chaos.plan import (
    ALL_KINDS,
    APPLIES_TO,
    Action,
    Fault,
    Kind,
    Part,
    draw_plan,
    select_kinds,
)

TARGETS = {part: [f"{part}-1", f"{part}-2"] for part in Part}


def drawn(seed: int, faults: int = 60, lasts_s: float | None = None) -> list[Fault]:
    return draw_plan(seed, faults, 6.0, ALL_KINDS, TARGETS, lasts_s)


@given(st.integers(0, 2**32), st.integers(0, 100))
def test_the_same_seed_draws_the_same_plan(seed: int, faults: int) -> None:
    assert drawn(seed, faults) == drawn(seed, faults)
    assert len(drawn(seed, faults)) == faults


def test_other_seeds_draw_other_plans() -> None:
    assert len({tuple(drawn(seed)) for seed in range(50)}) == 50


@given(st.integers(0, 2**32))
def test_no_kind_comes_more_than_once_more_often_than_another(seed: int) -> None:
    counts = Counter(fault.kind for fault in drawn(seed))
    assert counts.keys() == set(ALL_KINDS)
    assert max(counts.values()) - min(counts.values()) <= 1


@given(st.integers(0, 2**32))
def test_pauses_are_two_to_ten_seconds_where_the_mean_is_six(seed: int) -> None:
    times_s = [0.0, *(fault.at_s for fault in drawn(seed))]
    pauses_s = [after - before for before, after in zip(times_s, times_s[1:], strict=False)]
    assert all(1.99 <= pause_s <= 10.01 for pause_s in pauses_s)


def test_a_fault_hits_one_of_its_part_and_passes_only_if_it_is_one_that_passes() -> None:
    passing = {Action.FREEZE, Action.AWAY, Action.CUT, Action.DISK, Action.CLOCK}
    for fault in drawn(7):
        assert fault.target in TARGETS[fault.kind.part]
        assert (fault.lasts_s > 0) == (fault.kind.action in passing)


def test_what_passes_lasts_as_long_as_was_asked() -> None:
    assert {fault.lasts_s for fault in drawn(7, lasts_s=300.0)} == {0.0, 300.0}


def test_words_select_actions_with_all_their_parts_or_one() -> None:
    assert select_kinds(["kill"]) == [Kind(Action.KILL, part) for part in APPLIES_TO[Action.KILL]]
    assert select_kinds(["freeze:node", "kill:postgres"]) == [
        Kind(Action.FREEZE, Part.NODE),
        Kind(Action.KILL, Part.POSTGRES),
    ]
    assert select_kinds([]) == list(ALL_KINDS)


@pytest.mark.parametrize("word", ["bribe", "kill:butler", "away:node", ""])
def test_a_word_for_no_fault_is_refused_with_those_there_are(word: str) -> None:
    with pytest.raises(ValueError, match=r"is no fault; there are kill:node\|quotes"):
        select_kinds([word])
