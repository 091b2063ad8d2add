"""Three nodes, a trigger service and a store that fails: whatever happens, each command is carried
out once, its reply is what the journal says, and the journal is what the rules say.

Each seed is another history; a failing one fails again.
"""

import pytest

from generator.history_check import check_history
from ledger.entry import Cause, decode_entry
from tests.reactor_server.commotion import USERS, Commotion
from tests.reactor_server.house import House

SEEDS = 200


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_each_command_counts_once_and_as_it_was_answered(
    house: House, seed: int
) -> None:
    commotion = Commotion(house, seed)
    replies = commotion.final_replies()
    commotion.assert_replies_are_the_journals(replies)
    commands = [
        entry
        for encoded in house.ledger.journal.values()
        if (entry := decode_entry(encoded)).cause is Cause.COMMAND
    ]
    assert len(commands) == len(replies)
    assert check_history(commotion.histories(replies)) == []
    assert [node.fenced for node in commotion.nodes] == [[], [], []]


def test_the_histories_are_not_all_alike() -> None:
    """Nodes disagree, writes are lost and unseen, orders lapse and triggers fire in them."""
    seen = {"lapses": 0, "firings": 0, "conflicts": 0, "retries": 0, "in doubt": 0}
    for seed in range(20):
        house = House()
        commotion = Commotion(house, seed)
        seen["lapses"] += sum(len(house.lapses(user)) for user in USERS)
        seen["firings"] += sum(len(commotion.firings(user)) for user in USERS)
        seen["retries"] += sum(len(attempts) - 1 for attempts in commotion.sent.values())
        for node in commotion.nodes:
            seen["conflicts"] += node.store.conflicts
            seen["in doubt"] += node.store.in_doubt
    assert min(seen.values()) > 10, seen
