"""Whose entries a batch may hold."""

from hypothesis import given
from hypothesis import strategies as st

from audit.batch_users import may_hold, pack_users

names = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=64)


@given(st.sets(names))
def test_nobody_in_the_batch_is_overlooked(users: set[str]) -> None:
    packed = pack_users(users)
    assert all(may_hold(packed, user) for user in users)
    assert len(packed) <= 4 * len(users)


def test_hardly_anybody_else_is_taken_to_be_in_it() -> None:
    packed = pack_users(f"user{n}" for n in range(1_000))
    assert sum(may_hold(packed, f"other{n}") for n in range(10_000)) <= 1


def test_an_empty_batch_holds_nobody() -> None:
    assert not may_hold(pack_users([]), "ann")
