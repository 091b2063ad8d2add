"""Parts start one after the other and stop in the reverse order, whatever one of them does."""

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from service.ordered import OrderedService, Step
from tests.service.links import BoundedClock, outcome_of

TIMEOUT_S = 10.0


class Parts:
    """Steps that write down what happens, and a service made of them.

    :ivar pending: the Deferred that a part waits for, by what it is doing.
    """

    def __init__(self) -> None:
        self.clock = BoundedClock()
        self.log: list[str] = []
        self.failures: list[str] = []
        self.pending: dict[str, Deferred[None]] = {}

    def at_once(self, what: str) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            self.log.append(what)

        return act

    def later(self, what: str) -> Callable[[], Awaitable[None]]:
        """Something that takes until the test ends it."""

        async def act() -> None:
            self.log.append(f"{what}...")
            self.pending[what] = Deferred()
            await self.pending[what]
            self.log.append(what)

        return act

    def failing(self, what: str) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            self.log.append(what)
            raise RuntimeError(what)

        return act

    def step(self, name: str) -> Step:
        return Step(name, self.at_once(f"start {name}"), self.at_once(f"stop {name}"))

    def service(self, steps: Sequence[Step]) -> OrderedService:
        def failed(name: str, failure: Failure) -> None:
            self.failures.append(f"{name}: {failure.getErrorMessage()}")

        return OrderedService(self.clock, steps, lambda: self.log.append("ready"), failed)


def test_parts_start_in_order_and_stop_in_the_reverse_order() -> None:
    parts = Parts()
    service = parts.service([parts.step("a"), parts.step("b")])
    service.startService()
    assert parts.log == ["start a", "start b", "ready"]
    parts.log.clear()
    assert outcome_of(service.stopService()) == [None]
    assert parts.log == ["stop b", "stop a"]


def test_each_part_waits_for_the_one_before() -> None:
    parts = Parts()
    slow = Step("slow", parts.later("start slow"), parts.later("stop slow"))
    service = parts.service([parts.step("a"), slow, parts.step("b")])
    service.startService()
    assert parts.log == ["start a", "start slow..."]
    parts.pending["start slow"].callback(None)
    assert parts.log[-2:] == ["start b", "ready"]
    parts.log.clear()
    stopped = outcome_of(service.stopService())
    assert (parts.log, stopped) == (["stop b", "stop slow..."], [])
    parts.pending["stop slow"].callback(None)
    assert (parts.log[-1], stopped) == ("stop a", [None])


def test_a_part_may_have_only_a_start_or_only_a_stop() -> None:
    parts = Parts()
    steps = [Step("a", stop=parts.at_once("stop a")), Step("b", start=parts.at_once("start b"))]
    service = parts.service(steps)
    service.startService()
    outcome_of(service.stopService())
    assert parts.log == ["start b", "ready", "stop a"]


def test_after_a_part_that_cannot_start_no_other_does_and_it_is_told() -> None:
    parts = Parts()
    bad = Step("bad", parts.failing("start bad"), parts.at_once("stop bad"))
    service = parts.service([parts.step("a"), bad, parts.step("c")])
    service.startService()
    assert parts.log == ["start a", "start bad"]
    assert parts.failures == ["bad: start bad"]


def test_what_began_to_start_is_stopped_too() -> None:
    """A part that failed half-way may hold something that must be given back."""
    parts = Parts()
    bad = Step("bad", parts.failing("start bad"), parts.at_once("stop bad"))
    service = parts.service([parts.step("a"), bad, parts.step("c")])
    service.startService()
    parts.log.clear()
    assert outcome_of(service.stopService()) == [None]
    assert parts.log == ["stop bad", "stop a"]


def test_a_part_that_cannot_stop_does_not_keep_the_others() -> None:
    parts = Parts()
    bad = Step("bad", stop=parts.failing("stop bad"))
    service = parts.service([parts.step("a"), bad])
    service.startService()
    assert outcome_of(service.stopService()) == [None]
    assert parts.log[-2:] == ["stop bad", "stop a"]


def test_a_part_that_hangs_has_its_time_and_no_more() -> None:
    parts = Parts()
    hanging = Step("hanging", stop=parts.later("stop hanging"), stop_timeout_s=TIMEOUT_S)
    service = parts.service([parts.step("a"), hanging])
    service.startService()
    stopped = outcome_of(service.stopService())
    parts.clock.pass_time(TIMEOUT_S - 1)
    assert stopped == []
    parts.clock.pass_time(1)
    assert stopped == [None]
    assert parts.log[-2:] == ["stop hanging...", "stop a"]


def test_a_stop_during_the_start_gives_up_what_is_starting_and_starts_no_more() -> None:
    parts = Parts()
    slow = Step("slow", parts.later("start slow"), parts.at_once("stop slow"))
    service = parts.service([parts.step("a"), slow, parts.step("b")])
    service.startService()
    parts.log.clear()
    assert outcome_of(service.stopService()) == [None]
    assert parts.log == ["stop slow", "stop a"]
    assert parts.failures == []


def test_a_start_that_ends_well_although_given_up_is_not_gone_on_with() -> None:
    parts = Parts()

    async def stubborn() -> None:
        parts.pending["start"] = Deferred()
        try:
            await parts.pending["start"]
        except CancelledError:
            parts.log.append("given up")

    steps = [Step("stubborn", stubborn, parts.at_once("stop stubborn")), parts.step("b")]
    service = parts.service(steps)
    service.startService()
    outcome_of(service.stopService())
    assert parts.log == ["given up", "stop stubborn"]


def test_a_service_that_never_started_stops() -> None:
    parts = Parts()
    assert outcome_of(parts.service([parts.step("a")]).stopService()) == [None]
    assert parts.log == []
