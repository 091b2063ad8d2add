"""Asks a child for its health again and again, and notices when it falls silent.

Used by `daytrade.processes`. A child that says it is unwell is left alone, for it knows best; one
that does not answer is as good as gone.
"""

from collections.abc import Callable

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from service.lifeline import trouble_in

_LATE_LOOKS = 2
"""A look that comes this many times later than it should says that we stood still ourselves."""


class WatchLimits(Struct, frozen=True):
    """How closely to watch.

    :ivar ask_every_s: seconds from one question to the next.
    :ivar answer_s: how long a child may leave a question open before it is replaced.
    """

    ask_every_s: float = 0.5
    answer_s: float = 5.0


class Watchdog:
    """Watches one child at a time, from `start` to `stop`.

    :param ask: puts the question to the child.
    :param on_silent: called once when the child has not answered in time.
    :ivar trouble: what the child last said was wrong with it; empty when it is well.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        limits: WatchLimits,
        ask: Callable[[], None],
        on_silent: Callable[[float], None],
    ) -> None:
        self._clock = clock
        self._name = name
        self._limits = limits
        self._ask = ask
        self._on_silent = on_silent
        self._unanswered_since_s: float | None = None
        self._looked_s = 0.0
        self._asking = LoopingCall(self._look)
        self._asking.clock = clock
        self.trouble = ""

    def start(self) -> None:
        """Begin with a child that has just become ready."""
        self._unanswered_since_s = None
        self._looked_s = self._clock.seconds()
        self.trouble = ""
        self._asking.start(self._limits.ask_every_s, now=False)

    def stop(self) -> None:
        """The child is gone, or is told to go; harmless when none was watched."""
        if self._asking.running:
            self._asking.stop()

    def answered(self, answer: bytes) -> None:
        """The child said something."""
        self._unanswered_since_s = None
        trouble = trouble_in(answer)
        if trouble != self.trouble:
            self.trouble = trouble
            self.log.warn("{name}: {how}", name=self._name, how=trouble or "well again")

    def _look(self) -> None:
        now_s = self._clock.seconds()
        we_stood_still = now_s - self._looked_s > _LATE_LOOKS * self._limits.ask_every_s
        self._looked_s = now_s
        if self._unanswered_since_s is None:
            self._unanswered_since_s = now_s
            self._ask()
        elif we_stood_still:
            # The answer may have come long ago: it is for us to read it before we judge.
            self._unanswered_since_s = now_s
        elif now_s - self._unanswered_since_s >= self._limits.answer_s:
            self.stop()
            self._on_silent(now_s - self._unanswered_since_s)
