"""Time that decides goes forward only, whatever the machine's wall clock does."""

import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from service.time import SteadyClock, make_timers_monotonic, wall_ms

NOON_MS = 1_700_000_000_000


def test_it_tells_the_time_it_was_set_to_and_goes_on_with_the_monotonic_clock() -> None:
    clock = Clock()
    clock.advance(1234.5)
    steady = SteadyClock(clock, NOON_MS)
    assert steady.now_ms() == NOON_MS
    clock.advance(60)
    assert steady.now_ms() == NOON_MS + 60_000


def test_it_tells_what_time_it_was_when_something_happened() -> None:
    clock = Clock()
    clock.advance(1234.5)
    steady = SteadyClock(clock, NOON_MS)
    happened_s = clock.seconds()
    noted_ms = steady.now_ms()
    clock.advance(0.6789)
    assert steady.at_ms(happened_s) == noted_ms
    assert steady.at_ms(happened_s - 2.0) == NOON_MS - 2_000


def test_set_forward_it_goes_forward() -> None:
    steady = SteadyClock(Clock(), NOON_MS)
    steady.set(NOON_MS + 5)
    assert steady.now_ms() == NOON_MS + 5


def test_set_back_it_waits_until_time_has_caught_up() -> None:
    clock = Clock()
    steady = SteadyClock(clock, NOON_MS)
    assert steady.now_ms() == NOON_MS
    steady.set(NOON_MS - 2_000)
    assert steady.now_ms() == NOON_MS
    clock.advance(1)
    assert steady.now_ms() == NOON_MS
    clock.advance(2)
    assert steady.now_ms() == NOON_MS + 1_000


def test_a_later_time_that_was_seen_elsewhere_is_never_told_less_than() -> None:
    clock = Clock()
    steady = SteadyClock(clock, NOON_MS)
    steady.not_before(NOON_MS + 500)
    assert steady.now_ms() == NOON_MS + 500
    clock.advance(0.4)
    assert steady.now_ms() == NOON_MS + 500
    clock.advance(0.2)
    assert steady.now_ms() == NOON_MS + 600


def test_an_earlier_time_that_was_seen_elsewhere_changes_nothing() -> None:
    steady = SteadyClock(Clock(), NOON_MS)
    steady.not_before(NOON_MS - 1)
    assert steady.now_ms() == NOON_MS


@given(st.lists(st.tuples(st.sampled_from(["set", "seen", "wait"]), st.integers(0, 10_000))))
def test_whatever_happens_it_never_goes_back(events: list[tuple[str, int]]) -> None:
    clock = Clock()
    steady = SteadyClock(clock, NOON_MS)
    told = [steady.now_ms()]
    for what, number in events:
        if what == "set":
            steady.set(NOON_MS - 5_000 + number)
        elif what == "seen":
            steady.not_before(NOON_MS - 5_000 + number)
        else:
            clock.advance(number / 1000)
        told.append(steady.now_ms())
    assert told == sorted(told)


def test_a_jump_of_the_wall_clock_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = SteadyClock(Clock(), NOON_MS)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert steady.now_ms() == NOON_MS


def test_wall_time_is_told_in_whole_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_123_999_999)
    assert wall_ms() == 1_700_000_000_123


def test_timers_of_a_reactor_can_be_made_monotonic() -> None:
    reactor = SimpleNamespace(seconds=time.time)
    make_timers_monotonic(reactor)
    assert reactor.seconds is time.monotonic
