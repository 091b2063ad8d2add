"""Who gets in to the console, and how long somebody who guesses has to wait."""

from twisted.cred.error import UnauthorizedLogin

from console.access import FORGET_S, Guard, OperatorChecker, Person, Typed
from console.settings import ConsoleSettings
from protocol.authentication import AccessRole
from tests.console.premises import at_once
from tests.service.links import BoundedClock, outcome_of
from tests.service.premises import PASSWORD, VERIFIERS

USUAL = ConsoleSettings()
TRIES_FREE = USUAL.tries_free


class Door:
    """A checker, and what it wrote down."""

    def __init__(self) -> None:
        self.clock = BoundedClock()
        self.records: list[tuple[str, str, str, bool]] = []
        self._checker = OperatorChecker(
            self.clock,
            VERIFIERS,
            at_once,
            b"decoy",
            lambda *record: self.records.append(record),
            USUAL,
        )

    def knock(self, name: str, password: str = PASSWORD) -> list[object]:
        """Try to get in; what came of it stands in the list, now or later."""
        typed = Typed(name.encode(), password.encode(), "192.0.2.1:4000")
        return outcome_of(self._checker.requestAvatarId(typed))


def is_refused(outcome: list[object]) -> bool:
    (refusal,) = outcome
    return isinstance(refusal, UnauthorizedLogin)


def test_operators_and_administrators_get_in_with_their_role() -> None:
    door = Door()
    for name, role in (("olga", AccessRole.OPERATOR), ("root", AccessRole.ADMINISTRATOR)):
        (avatar_id,) = door.knock(name)
        assert isinstance(avatar_id, bytes)
        assert Person.of(avatar_id, "there") == Person(name, role, "there")
    assert [record[2:] for record in door.records] == [
        ("operator", False),
        ("administrator", False),
    ]


def test_others_are_refused_even_with_the_right_password_and_all_alike() -> None:
    door = Door()
    for name, password in (("ann", PASSWORD), ("node-1", PASSWORD), ("olga", "x"), ("who", "x")):
        assert is_refused(door.knock(name, password))
    assert {record[1:] for record in door.records} == {("192.0.2.1:4000", "", True)}


def test_what_cannot_be_a_password_is_refused_like_a_wrong_one() -> None:
    assert is_refused(Door().knock("olga", "\x00\x07"))


def test_after_five_wrong_ones_each_try_waits_longer_the_right_one_too() -> None:
    door = Door()
    for _ in range(TRIES_FREE):
        assert is_refused(door.knock("olga", "wrong"))
    late = door.knock("olga")
    door.clock.advance(USUAL.delay_s - 0.1)
    assert late == []
    door.clock.advance(0.1)
    assert late == [b"operator olga"]
    assert is_refused(door.knock("olga", "wrong"))


def test_the_wait_is_for_the_name_that_was_guessed_alone() -> None:
    door = Door()
    for _ in range(TRIES_FREE):
        door.knock("olga", "wrong")
    assert door.knock("root") == [b"administrator root"]


def test_the_wait_doubles_up_to_a_limit_and_is_forgotten_in_time() -> None:
    clock = BoundedClock()
    guard = Guard(clock, USUAL)
    waits = []
    for _ in range(TRIES_FREE + 8):
        guard.was_wrong("olga")
        waits.append(guard.delay_s("olga"))
    assert waits[: TRIES_FREE - 1] == [0.0] * (TRIES_FREE - 1)
    assert waits[TRIES_FREE - 1 : TRIES_FREE + 2] == [2.0, 4.0, 8.0]
    assert waits[-1] == USUAL.delay_s_max
    clock.advance(FORGET_S + 1)
    assert guard.delay_s("olga") == 0.0


def test_tries_and_delays_are_settings() -> None:
    guard = Guard(BoundedClock(), ConsoleSettings(tries_free=2, delay_s=0.5, delay_s_max=0.75))
    waits = []
    for _ in range(4):
        guard.was_wrong("olga")
        waits.append(guard.delay_s("olga"))
    assert waits == [0.0, 0.5, 0.75, 0.75]


def test_what_is_remembered_of_guesses_is_bounded() -> None:
    guard = Guard(BoundedClock(), USUAL)
    for number in range(2_000):
        for _ in range(TRIES_FREE):
            guard.was_wrong(f"name-{number}")
    assert guard.delay_s("name-0") == 0.0
    assert guard.delay_s("name-1999") > 0
