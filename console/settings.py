"""What can be set of the console.

Used by the console and `daytrade.settings`.
"""

from typing import Annotated

from msgspec import Struct

from service.described import within


class ConsoleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How long somebody may be idle, and how guesses are slowed down."""

    idle_s: Annotated[
        float, within(1, 86_400, "without a key, after which a person is logged out", "s")
    ] = 600.0
    tries_free: Annotated[
        int, within(1, 100, "wrong passwords for one name that are answered at once")
    ] = 5
    delay_s: Annotated[
        float, within(0.1, 60, "before the next one; each further one waits twice as long", "s")
    ] = 2.0
    delay_s_max: Annotated[float, within(0.1, 100, "the longest of these delays", "s")] = 60.0
