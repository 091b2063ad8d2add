"""The balancer moves as few users as it can, and spreads them evenly."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.balancer import Balancer

_NODES = ("node-1", "node-2", "node-3")
_USERS = [f"user{number}" for number in range(1000)]


def _placed(balancer: Balancer) -> dict[str, str | None]:
    return {user: balancer.node_for(user) for user in _USERS}


def test_users_are_spread_evenly() -> None:
    counts = Counter(_placed(Balancer(_NODES)).values())
    assert set(counts) == set(_NODES)
    assert all(abs(count - 1000 / 3) <= 0.15 * 1000 / 3 for count in counts.values())


def test_only_a_dead_nodes_users_move_and_they_spread_over_the_others() -> None:
    balancer = Balancer(_NODES)
    before = _placed(balancer)
    balancer.mark_down("node-2")
    after = _placed(balancer)
    moved = [user for user in _USERS if before[user] != after[user]]
    assert moved == [user for user in _USERS if before[user] == "node-2"]
    assert {after[user] for user in moved} == {"node-1", "node-3"}


def test_users_come_back_with_their_node() -> None:
    balancer = Balancer(_NODES)
    before = _placed(balancer)
    balancer.mark_down("node-2")
    balancer.mark_up("node-2")
    assert _placed(balancer) == before


def test_a_new_node_takes_users_and_moves_none_between_the_old_ones() -> None:
    before, after = _placed(Balancer(_NODES)), _placed(Balancer([*_NODES, "node-4"]))
    assert {after[user] for user in _USERS if before[user] != after[user]} == {"node-4"}


def test_the_choice_is_the_same_in_every_process_and_release() -> None:
    """Python's own hash differs from process to process; these were chosen by another one."""
    balancer = Balancer(reversed(_NODES))
    assert [balancer.node_for(user) for user in ("anna", "ben", "carl")] == [
        "node-3",
        "node-1",
        "node-3",
    ]


def test_no_healthy_node_serves_nobody() -> None:
    balancer = Balancer(["node-1"])
    balancer.mark_down("node-1")
    assert balancer.node_for("anna") is None
    assert balancer.healthy == frozenset()
    assert Balancer([]).node_for("anna") is None


def test_a_node_may_be_marked_twice() -> None:
    balancer = Balancer(_NODES)
    balancer.mark_down("node-1")
    balancer.mark_down("node-1")
    assert balancer.healthy == {"node-2", "node-3"}
    balancer.mark_up("node-1")
    balancer.mark_up("node-1")
    assert balancer.healthy == set(_NODES)


def test_a_node_of_nobodys_cannot_be_marked() -> None:
    balancer = Balancer(_NODES)
    with pytest.raises(KeyError):
        balancer.mark_up("node-9")
    with pytest.raises(KeyError):
        balancer.mark_down("node-9")
    assert balancer.healthy == set(_NODES)


@given(st.sets(st.text(max_size=3), max_size=5), st.text(max_size=3), st.data())
def test_a_user_is_always_served_by_a_healthy_node(
    nodes: set[str], user: str, data: st.DataObject
) -> None:
    balancer = Balancer(nodes)
    for node in nodes:
        if data.draw(st.booleans()):
            balancer.mark_down(node)
    assert balancer.node_for(user) in (balancer.healthy or {None})
