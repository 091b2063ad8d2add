"""How long the legacy server's double takes to answer.

For the double and for simulations. A `Delay` draws seconds from the random source it is given.
"""

from collections.abc import Callable
from random import Random

Delay = Callable[[Random], float]

DELAY_MAX_S = 3600.0

_QUICK_SHARE = 0.66
_WHOLE_SECONDS = (1, 2, 3, 4)
_WEIGHTS = (60, 24, 10, 6)


def no_delay(_random: Random) -> float:
    """Answer at once."""
    return 0.0


def course_delay(random: Random) -> float:
    """Draw from the delays a course team measured (SPEC section 3).

    66 % take 7 to 26 ms, half of them up to 9; the rest cluster at whole seconds, with weights
    chosen so that the mean over all is 0.56 s.
    """
    quick_s = _quick_delay(random)
    if random.random() < _QUICK_SHARE:
        return quick_s
    return random.choices(_WHOLE_SECONDS, _WEIGHTS)[0] + quick_s


def _quick_delay(random: Random) -> float:
    position = random.random()
    if position < 0.5:
        return 0.007 + 0.002 * (position / 0.5)
    return 0.009 + 0.017 * ((position - 0.5) / 0.5) ** 3


def fixed_delay(seconds: float) -> Delay:
    """Take always the same time."""
    return lambda _random: seconds


def parse_delay(text: str) -> Delay:
    """Read `none`, `course` or a number of seconds such as `0.25`.

    Raises ValueError for anything else, and for less than 0 or more than an hour.
    """
    named = {"none": no_delay, "course": course_delay}.get(text)
    if named is not None:
        return named
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= DELAY_MAX_S:
        raise ValueError(f"{text!r} is no delay: write none, course, or seconds from 0 to 3600")
    return fixed_delay(seconds)
