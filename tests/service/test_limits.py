"""Token buckets: so many a second, so many at once, and no memory of everybody for ever."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from service.limits import Rate, TokenBucket, TokenBuckets


def test_a_burst_is_taken_at_once_and_then_the_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, Rate(2.0, 5.0))
    assert [bucket.take() for _ in range(6)] == [True] * 5 + [False]
    clock.advance(1)
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_a_rest_earns_no_more_than_the_burst() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, Rate(2.0, 5.0))
    clock.advance(3_600)
    assert sum(bucket.take() for _ in range(100)) == 5


def test_what_was_done_already_is_paid_for_later() -> None:
    clock = Clock()
    bucket = TokenBucket(clock, Rate(2.0, 5.0))
    bucket.spend(8)
    assert bucket.wait_s(1) == 2.0
    assert bucket.wait_s(1_000) == 4.0
    clock.advance(2)
    assert [bucket.take(), bucket.take()] == [True, False]


@given(st.lists(st.floats(0, 10), max_size=50))
def test_never_more_than_burst_and_rate_together(pauses_s: list[float]) -> None:
    clock = Clock()
    bucket = TokenBucket(clock, Rate(3.0, 4.0))
    taken = 0
    for pause_s in pauses_s:
        clock.advance(pause_s)
        taken += sum(bucket.take() for _ in range(20))
    assert taken <= 4 + 3 * sum(pauses_s) + 1e-6


def test_each_key_has_a_bucket_of_its_own() -> None:
    buckets = TokenBuckets(Clock(), Rate(1.0, 1.0))
    assert buckets.of("a").take()
    assert not buckets.of("a").take()
    assert buckets.of("b").take()


def test_the_key_that_was_not_used_longest_is_forgotten() -> None:
    buckets = TokenBuckets(Clock(), Rate(1.0, 1.0), keys_max=2)
    for key in ("a", "b"):
        assert buckets.of(key).take()
    assert not buckets.of("a").take()
    buckets.of("c")
    assert not buckets.of("a").take()
    assert buckets.of("b").take()
