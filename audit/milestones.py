"""When the entries of a stream passed each stage of their way, for the newest of them.

Used by lanes and shippers, which note a time for each batch and none for each command, and by the
operators' verb `times`.
"""

from collections import deque
from collections.abc import Callable, Mapping

from protocol.errors import Code, TradeError
from service.operations import Answer, Verb

KEPT = 4_096
"""Times that are kept of one stage: those of as many batches."""


class Milestones:
    """How far a stream had come in one stage, and when."""

    __slots__ = ("_passed",)

    def __init__(self, kept: int = KEPT) -> None:
        self._passed: deque[tuple[int, float | None]] = deque(maxlen=kept)

    def reached(self, number: int, at_s: float | None) -> None:
        """Note that everything up to a number has passed; None: nobody knows since when."""
        self._passed.append((number, at_s))

    def when(self, number: int) -> float | None:
        """When an entry passed; None where it did not yet, or nobody knows any more."""
        for place, (passed, at_s) in enumerate(self._passed):
            if passed >= number:
                # Before the oldest time that is kept others may have been.
                is_forgotten = place == 0 and len(self._passed) == self._passed.maxlen
                return None if is_forgotten else at_s
        return None


Stages = Mapping[str, Milestones]
"""By the name of the stage, in the order of the way."""


class TimesVerb:
    """Tells operators when an entry passed the stages that this process knows of.

    :param at_ms: what the process's clock showed, as Unix ms; see `service.time.SteadyClock`.
    :param streams: by name.
    """

    def __init__(self, at_ms: Callable[[float], int], streams: Mapping[str, Stages]) -> None:
        self._at_ms = at_ms
        self._streams = streams

    def verb(self) -> Verb:
        """What operators ask."""
        return Verb("times", "STREAM NUMBER", "when an entry passed each stage", self._times)

    def _times(self, stream: str, number: str) -> Answer:
        if not number.isdecimal():
            raise TradeError(Code.UNKNOWN_VERB, "a number in a stream is a whole number from 1")
        times_ms = {}
        for stage, milestones in self._streams.get(stream, {}).items():
            at_s = milestones.when(int(number))
            if at_s is not None:
                times_ms[stage] = self._at_ms(at_s)
        return times_ms
