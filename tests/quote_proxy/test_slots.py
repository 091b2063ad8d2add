"""Slots are given out in order, never from inside a release, and never lost."""

from twisted.internet.task import Clock

from quote_proxy.slots import Slots
from tests.quote_proxy.links import outcome_of


def test_slots_are_given_at_once_while_there_are_any() -> None:
    slots = Slots(Clock(), 2)
    outcomes = [outcome_of(slots.acquire()) for _ in range(3)]
    assert outcomes == [[None], [None], []]


def test_a_released_slot_goes_to_the_first_in_line_on_the_next_turn() -> None:
    clock = Clock()
    slots = Slots(clock, 1)
    slots.acquire()
    first, second = outcome_of(slots.acquire()), outcome_of(slots.acquire())
    slots.release()
    assert (first, second) == ([], [])
    clock.advance(0)
    assert (first, second) == ([None], [])


def test_a_newcomer_does_not_overtake_the_line() -> None:
    clock = Clock()
    slots = Slots(clock, 1)
    slots.acquire()
    waiting = outcome_of(slots.acquire())
    slots.release()
    newcomer = outcome_of(slots.acquire())
    clock.advance(0)
    assert (waiting, newcomer) == ([None], [])


def test_who_leaves_the_line_takes_no_slot_along() -> None:
    """Even one who leaves between the release and the next turn of the clock."""
    clock = Clock()
    slots = Slots(clock, 1)
    slots.acquire()
    leaving, staying = slots.acquire(), slots.acquire()
    left, stayed = outcome_of(leaving), outcome_of(staying)
    slots.release()
    leaving.cancel()
    clock.advance(0)
    assert len(left) == 1
    assert stayed == [None]
    slots.release()
    assert outcome_of(slots.acquire()) == [None]


def test_owners_take_turns_and_the_waiters_of_each_come_in_order() -> None:
    clock = Clock()
    slots = Slots(clock, 1)
    slots.acquire()
    served: list[str] = []

    def serve(_: None, name: str) -> None:
        served.append(name)

    for name in ("a1", "a2", "a3", "b1", "c1", "b2"):
        slots.acquire(name[0]).addCallback(serve, name)
    while clock.getDelayedCalls() or len(served) < 6:
        slots.release()
        clock.advance(0)
    assert served == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_an_owner_whose_waiters_have_left_gets_no_turn() -> None:
    clock = Clock()
    slots = Slots(clock, 1)
    slots.acquire()
    leaving, staying = slots.acquire("ann"), outcome_of(slots.acquire("bob"))
    outcome_of(leaving)
    leaving.cancel()
    slots.release()
    clock.advance(0)
    assert staying == [None]


def test_thousands_of_waiters_that_release_at_once_do_not_nest() -> None:
    clock = Clock()
    slots = Slots(clock, 1)
    slots.acquire()
    served: list[int] = []

    def serve(_: None, number: int) -> None:
        served.append(number)
        slots.release()

    for number in range(3000):
        slots.acquire().addCallback(serve, number)
    slots.release()
    while clock.getDelayedCalls():
        clock.advance(0)
    assert served == list(range(3000))
