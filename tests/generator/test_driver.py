"""The driver keeps each user's order and loses nothing, whatever becomes of the nodes."""

import pytest

from generator.driver import ANSWER_S_MAX, RETRY_S, RETRY_S_MAX
from generator.fleet import NoNode
from generator.result import Outcome
from protocol.errors import Code
from protocol.messages import Error, Message, Refused
from tests.generator.nodes_in_memory import (
    RECEIPT,
    START_MS,
    Playground,
    accept,
    adds,
    keep_waiting,
    user_of,
)

ANNA = user_of("node-1")
BEN = user_of("node-2")


def opened(nodes: int = 2, outstanding: int = 1) -> Playground:
    playground = Playground(nodes, outstanding)
    playground.open()
    return playground


class TestOrder:
    @pytest.mark.parametrize("outstanding", [1, 16])
    def test_a_users_commands_go_out_in_order_and_no_more_than_may_be_outstanding(
        self, outstanding: int
    ) -> None:
        playground = opened(outstanding=outstanding)
        node = playground["node-1"]
        node.answer = keep_waiting
        done = playground.play(adds(ANNA, 40))
        for answered in range(40):
            assert node.amounts(ANNA) == list(range(1, min(40, answered + outstanding) + 1))
            assert done == []
            node.reply(answered)
            playground.turn()
        assert done == [None]
        assert [each.command for each in playground.settled] == [
            line.command for line in adds(ANNA, 40)
        ]

    def test_answers_in_another_order_let_the_next_ones_out_in_order(self) -> None:
        playground = opened(outstanding=3)
        node = playground["node-1"]
        node.answer = keep_waiting
        playground.play(adds(ANNA, 6))
        for number in (2, 0, 3):
            node.reply(number)
            playground.turn()
        assert node.amounts(ANNA) == [1, 2, 3, 4, 5, 6]

    def test_nothing_new_is_sent_while_what_a_server_could_not_take_rests(self) -> None:
        playground = opened(outstanding=3)
        node = playground["node-1"]
        node.answer = keep_waiting
        playground.play(adds(ANNA, 5))
        for number in (0, 1):
            node.reply(number, Error(Code.INTERNAL, "later"))
        node.reply(2)
        playground.turn()
        assert node.amounts(ANNA) == [1, 2, 3]
        playground.clock.pass_time(RETRY_S, RETRY_S / 4)
        assert node.amounts(ANNA) == [1, 2, 3, 1, 2, 4]
        assert [taken[0] for taken in node.taken[:2]] == [taken[0] for taken in node.taken[3:5]]

    def test_users_do_not_wait_for_each_other(self) -> None:
        playground = opened()
        playground["node-1"].answer = keep_waiting
        done = playground.play([*adds(ANNA, 3), *adds(BEN, 3)])
        assert playground["node-2"].amounts(BEN) == [1, 2, 3]
        assert playground.outcomes == [Outcome.ACCEPTED] * 3
        assert done == []

    def test_an_empty_workload_is_done_at_once(self) -> None:
        assert opened().play([]) == [None]


class TestOutcomes:
    @pytest.mark.parametrize(
        ("reply", "outcome"),
        [
            (RECEIPT, Outcome.ACCEPTED),
            (Refused(Code.BAD_AMOUNT, "no", 1, START_MS), Outcome.REFUSED),
            (Error(Code.NOT_PERMITTED, "no"), Outcome.REFUSED),
            (Error(Code.ID_REUSED, "no"), Outcome.REFUSED),
        ],
    )
    def test_the_first_final_answer_is_the_outcome(self, reply: Message, outcome: Outcome) -> None:
        playground = opened()
        playground["node-1"].answer = lambda _: reply
        assert playground.play(adds(ANNA, 1)) == [None]
        [settled] = playground.settled
        assert (settled.reply, settled.outcome) == (reply, outcome)

    @pytest.mark.parametrize(
        "code", [Code.DRAINING, Code.INTERNAL, Code.STORE_UNAVAILABLE, Code.AUDIT_UNAVAILABLE]
    )
    def test_what_a_server_could_not_take_is_sent_again_under_the_same_id(self, code: Code) -> None:
        playground = opened()
        node = playground["node-1"]
        node.answer = lambda _: Error(code, "later")
        done = playground.play(adds(ANNA, 2))
        playground.clock.pass_time(RETRY_S / 2, RETRY_S / 2)
        assert node.amounts(ANNA) == [1]
        node.answer = accept
        playground.clock.pass_time(0.2, 0.1)
        assert node.amounts(ANNA) == [1, 1, 2]
        assert node.taken[0] == node.taken[1]
        assert (done, playground.outcomes) == ([None], [Outcome.ACCEPTED] * 2)

    def test_a_server_that_cannot_take_anything_is_asked_ever_more_seldom(self) -> None:
        playground = opened()
        node = playground["node-1"]
        node.answer = lambda _: Error(Code.STORE_UNAVAILABLE, "later")
        playground.play(adds(ANNA, 1))
        playground.clock.pass_time(ANSWER_S_MAX / 2, 0.1)
        tries = len(node.taken)
        assert ANSWER_S_MAX / 2 / RETRY_S_MAX < tries < 20
        playground.clock.pass_time(ANSWER_S_MAX / 2 + 1, 0.1)
        assert playground.outcomes == [Outcome.UNKNOWN]

    def test_a_latency_runs_from_the_first_sending(self) -> None:
        playground = opened()
        playground.clock.pass_time(5)
        playground["node-1"].answer = lambda _: Error(Code.INTERNAL, "later")
        playground.play(adds(ANNA, 1))
        playground.clock.pass_time(1.5, 0.1)
        playground["node-1"].answer = accept
        playground.clock.pass_time(RETRY_S_MAX, 0.1)
        latency_us = playground.settled[0].latency_us
        assert 1_500_000 <= latency_us <= (1.5 + RETRY_S_MAX) * 1_000_000

    def test_what_is_not_answered_in_time_is_unknown_and_the_rest_goes_on(self) -> None:
        playground = opened()
        node = playground["node-1"]
        node.answer = keep_waiting
        done = playground.play(adds(ANNA, 3))
        playground.clock.pass_time(ANSWER_S_MAX - 1, 0.5)
        assert playground.settled == []
        node.answer = accept
        playground.clock.pass_time(3, 0.5)
        assert playground.outcomes == [Outcome.UNKNOWN, Outcome.ACCEPTED, Outcome.ACCEPTED]
        assert playground.settled[0].reply is None
        assert done == [None]

    def test_an_answer_that_comes_after_giving_up_changes_nothing(self) -> None:
        playground = opened(outstanding=2)
        node = playground["node-1"]
        node.answer = keep_waiting
        playground.play(adds(ANNA, 3))
        playground.clock.pass_time(ANSWER_S_MAX + 2, 0.5)
        assert playground.outcomes == [Outcome.UNKNOWN] * 2
        node.reply(0)
        node.reply(1, Error(Code.INTERNAL, "later"))
        playground.clock.pass_time(2 * RETRY_S, 0.1)
        assert playground.outcomes == [Outcome.UNKNOWN] * 2
        assert node.amounts(ANNA) == [1, 2, 3]


class TestLostNodes:
    @pytest.mark.parametrize("outstanding", [1, 16])
    def test_what_a_lost_node_did_not_answer_goes_to_another_in_order_under_the_same_ids(
        self, outstanding: int
    ) -> None:
        playground = opened(outstanding=outstanding)
        first, second = playground["node-1"], playground["node-2"]
        first.answer = keep_waiting
        done = playground.play(adds(ANNA, 20))
        first.reply(0)
        playground.turn()
        first.die()
        playground.turn()
        assert second.taken[:outstanding] == first.taken[1:]
        assert second.amounts(ANNA) == list(range(2, 21))
        assert (done, playground.outcomes) == ([None], [Outcome.ACCEPTED] * 20)

    def test_a_connection_that_is_cut_is_made_again_and_nothing_is_lost(self) -> None:
        playground = opened(outstanding=2)
        first, second = playground["node-1"], playground["node-2"]
        first.answer = keep_waiting
        done = playground.play(adds(ANNA, 3))
        playground.fleet.cut("node-1")
        playground.fleet.cut("nowhere")
        playground.turn()
        assert second.taken[:2] == first.taken
        assert (done, playground.outcomes) == ([None], [Outcome.ACCEPTED] * 3)
        playground.clock.pass_time(5)
        assert "node-1" in playground.fleet.up

    def test_other_users_stay_where_they_are(self) -> None:
        playground = opened()
        playground["node-2"].answer = keep_waiting
        playground.play([*adds(ANNA, 1), *adds(BEN, 2)])
        playground["node-1"].die()
        playground.turn()
        assert playground["node-2"].amounts(BEN) == [1]

    def test_without_any_node_everything_waits_for_one_to_come_back(self) -> None:
        playground = opened(outstanding=2)
        first, second = playground["node-1"], playground["node-2"]
        first.answer = second.answer = keep_waiting
        done = playground.play(adds(ANNA, 4))
        first.die()
        second.die()
        playground.clock.pass_time(5)
        second.answer = accept
        second.come_back()
        playground.clock.pass_time(5)
        assert second.amounts(ANNA)[-4:] == [1, 2, 3, 4]
        assert [taken[0] for taken in second.taken[-4:-2]] == [taken[0] for taken in first.taken]
        assert (done, playground.outcomes) == ([None], [Outcome.ACCEPTED] * 4)

    def test_a_run_without_a_node_for_too_long_is_given_up(self) -> None:
        playground = opened(nodes=1)
        playground["node-1"].answer = keep_waiting
        done = playground.play(adds("anna", 2))
        playground["node-1"].die()
        playground.clock.pass_time(ANSWER_S_MAX - 1, 0.5)
        assert done == []
        playground.clock.pass_time(3, 0.5)
        assert [str(error) for error in done] == [
            "no node has been up for 60 s; the run is given up"
        ]
        assert isinstance(done[0], NoNode)

    def test_a_user_goes_back_only_when_nothing_is_outstanding_elsewhere(self) -> None:
        playground = opened(outstanding=2)
        first, second = playground["node-1"], playground["node-2"]
        first.answer = second.answer = keep_waiting
        playground.play(adds(ANNA, 6))
        first.die()
        playground.turn()
        first.come_back()
        playground.clock.pass_time(5)
        first.taken.clear()
        second.reply(0)
        playground.turn()
        assert (first.amounts(ANNA), second.amounts(ANNA)) == ([], [1, 2])
        second.reply(1)
        playground.turn()
        assert (first.amounts(ANNA), second.amounts(ANNA)) == ([3, 4], [1, 2])


class TestDrainingNodes:
    def test_users_leave_a_draining_node_and_its_last_answers_count(self) -> None:
        """Both nodes answer the first command, since both were asked: it is settled once."""
        playground = opened(outstanding=2)
        first, second = playground["node-1"], playground["node-2"]
        first.answer = second.answer = keep_waiting
        done = playground.play(adds(ANNA, 3))
        first.factory.drain()
        playground.turn()
        assert second.taken == first.taken
        first.reply(0)
        playground.turn()
        assert (second.amounts(ANNA), playground.outcomes) == ([1, 2, 3], [Outcome.ACCEPTED])
        for number in range(3):
            second.reply(number)
        playground.turn()
        assert (done, playground.outcomes) == ([None], [Outcome.ACCEPTED] * 3)

    def test_a_node_that_answers_twice_with_an_error_stays_connected(self) -> None:
        """Sent again, a command may be refused as often as it was sent."""
        playground = opened(nodes=1)
        node = playground["node-1"]
        node.answer = keep_waiting
        playground.play(adds("anna", 1))
        node.reply(0, Error(Code.INTERNAL, "later"))
        node.reply(0, Error(Code.INTERNAL, "later"))
        node.answer = accept
        playground.clock.pass_time(2 * RETRY_S, 0.1)
        assert playground.outcomes == [Outcome.ACCEPTED]
        assert len(node.connections) == 1


class TestFixedRate:
    def test_lines_fall_due_at_the_rate_whatever_is_answered(self) -> None:
        playground = Playground(outstanding=16, rate_per_s=10)
        playground.open()
        node = playground["node-1"]
        node.answer = keep_waiting
        done = playground.play(adds(ANNA, 12))
        playground.clock.pass_time(0.55, 0.01)
        assert node.amounts(ANNA) == [1, 2, 3, 4, 5, 6]
        playground.clock.pass_time(1.0, 0.01)
        assert node.amounts(ANNA) == list(range(1, 13))
        for number in range(12):
            node.reply(number)
        playground.turn()
        assert done == [None]

    def test_a_latency_counts_from_when_the_command_was_due(self) -> None:
        playground = Playground(outstanding=1, rate_per_s=10)
        playground.open()
        node = playground["node-1"]
        node.answer = keep_waiting
        playground.play(adds(ANNA, 2))
        playground.clock.pass_time(1.0, 0.01)
        assert node.amounts(ANNA) == [1]
        node.answer = accept
        node.reply(0)
        playground.turn()
        first, second = (each.latency_us for each in playground.settled)
        assert first >= 990_000
        assert 890_000 <= second <= first
