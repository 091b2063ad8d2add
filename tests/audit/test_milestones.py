"""When an entry passed a stage: told for the newest ones, and never guessed."""

import pytest
from twisted.internet.task import Clock

from audit.milestones import Milestones, TimesVerb
from protocol.errors import TradeError
from service.operations import Answer
from service.time import SteadyClock

NOW_MS = 1_700_000_000_000


def passed(*milestones: tuple[int, float | None], kept: int = 100) -> Milestones:
    made = Milestones(kept)
    for number, at_s in milestones:
        made.reached(number, at_s)
    return made


def test_an_entry_passed_with_the_first_batch_that_came_so_far() -> None:
    batches = passed((3, 1.0), (5, 2.0), (9, 3.0))
    assert [batches.when(number) for number in (1, 3, 4, 5, 6, 9)] == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]


def test_what_has_not_come_so_far_has_no_time() -> None:
    assert passed().when(1) is None
    assert passed((3, 1.0)).when(4) is None


def test_what_came_at_a_time_that_nobody_knows_has_none() -> None:
    found = passed((3, None), (5, 2.0))
    assert (found.when(2), found.when(4)) == (None, 2.0)


def test_what_was_sent_again_passed_the_first_time() -> None:
    assert passed((3, 1.0), (2, 5.0), (3, 6.0)).when(3) == 1.0


def test_of_the_oldest_time_that_is_kept_nobody_knows_what_came_before() -> None:
    full = passed((1, 1.0), (2, 2.0), (3, 3.0), kept=2)
    assert [full.when(number) for number in (1, 2, 3)] == [None, None, 3.0]


class TestTheVerb:
    def ask(self, stream: str, number: str) -> Answer:
        steady = SteadyClock(Clock(), NOW_MS)
        stages = {"sent": passed((3, 7.5)), "shipped": passed((2, 9.0))}
        verb = TimesVerb(steady.at_ms, {"node-1/0": stages}).verb()
        return verb.run(stream, number)

    def test_it_tells_each_stage_that_was_passed_in_unix_ms(self) -> None:
        assert self.ask("node-1/0", "2") == {"sent": NOW_MS + 7_500, "shipped": NOW_MS + 9_000}
        assert self.ask("node-1/0", "3") == {"sent": NOW_MS + 7_500}

    def test_of_a_stream_of_others_it_tells_nothing(self) -> None:
        assert self.ask("node-2/0", "2") == {}

    def test_a_number_that_is_none_is_refused(self) -> None:
        with pytest.raises(TradeError, match="whole number"):
            self.ask("node-1/0", "two")
