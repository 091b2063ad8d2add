"""The delays of the legacy server's double have the measured shape."""

from random import Random
from statistics import median

import pytest

from quote_proxy.delays import course_delay, parse_delay

DRAWS = 20_000


@pytest.fixture(scope="module")
def drawn() -> list[float]:
    random = Random(7)
    return [course_delay(random) for _ in range(DRAWS)]


def test_course_delays_have_the_measured_mean(drawn: list[float]) -> None:
    assert 0.54 <= sum(drawn) / DRAWS <= 0.58


def test_two_thirds_of_course_delays_are_quick_with_a_median_of_nine_ms(drawn: list[float]) -> None:
    quick = [delay_s for delay_s in drawn if delay_s < 1.0]
    assert 0.65 <= len(quick) / DRAWS <= 0.67
    assert 0.007 <= min(quick) <= max(quick) <= 0.026
    assert 0.0088 <= median(quick) <= 0.0092


def test_the_other_course_delays_cluster_at_one_to_four_whole_seconds(drawn: list[float]) -> None:
    slow = [delay_s for delay_s in drawn if delay_s >= 1.0]
    assert {int(delay_s) for delay_s in slow} == {1, 2, 3, 4}
    assert all(delay_s % 1.0 <= 0.027 for delay_s in slow)


def test_the_same_seed_draws_the_same_delays() -> None:
    first, second = Random(3), Random(3)
    assert [course_delay(first) for _ in range(50)] == [course_delay(second) for _ in range(50)]


@pytest.mark.parametrize(
    ("text", "delay_s"), [("none", 0.0), ("0", 0.0), ("0.25", 0.25), ("4", 4.0)]
)
def test_fixed_delays_are_read_from_text(text: str, delay_s: float) -> None:
    assert parse_delay(text)(Random(1)) == delay_s


def test_course_is_read_from_text() -> None:
    assert parse_delay("course") is course_delay


@pytest.mark.parametrize("text", ["", "soon", "-1", "nan", "inf", "3600.1"])
def test_other_text_is_no_delay(text: str) -> None:
    with pytest.raises(ValueError, match="is no delay"):
        parse_delay(text)
