"""What the options of all daemons have in common, and how a daemon tells that it is ready.

Used by `twistd_plugins`. A daemon started with --lifeline ends with whoever started it.
"""

import gc
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct
from twisted.application.service import IService
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.stdio import StandardIO
from twisted.internet.tcp import Port
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure

from protocol.errors import TradeError
from protocol.messages import Health
from service import endpoints
from service.described import changed
from service.figures import Figure
from service.intake import Intake
from service.lifeline import Lifeline
from service.limits import PortLimits
from service.loop_watch import LoopWatch
from service.monitoring import monitoring_site
from service.ordered import OrderedService, Step, exit_with_failure
from service.systemd import Notifier
from service.time import make_timers_monotonic

T = TypeVar("T", bound=Struct)

log = Logger()

GC_THRESHOLDS = (50_000, 20, 20)
"""New objects before a look at the youngest; looks before one at the next generation, twice."""
_STDOUT = 1


def set_by(option: str, settings: T, text: str) -> T:
    """The settings but for one, as an option's NAME=VALUE has it; raises `usage.UsageError`."""
    try:
        return changed(settings, text)
    except ValueError as error:
        raise usage.UsageError(f"{option}: {error}") from None


class DaemonOptions(usage.Options):
    """Options that every daemon takes."""

    optFlags = [
        ["lifeline", None, "End when standard input is closed, so as to leave with the starter."],
        ["plain-text", None, "Let plain text leave the machine: ports and database without TLS."],
    ]
    optParameters: list[list[Any]] = [
        ["announce", None, None, "File to write the address to, once the service is ready."],
        ["answer-on", None, None, "Descriptor for answers to `health` on standard input.", int],
        [
            "stall-s",
            None,
            None,
            "Tell the stack of an event loop that stands still so long.",
            float,
        ],
        ["metrics", None, None, "Endpoint for /metrics, /healthz and /readyz; none without it."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.limits = PortLimits()

    def opt_limit(self, text: str) -> None:
        """A limit of the port, as NAME=NUMBER, for each that is not the usual one: those of
        [limits] in docs/settings.md."""
        self.limits = set_by("--limit", self.limits, text)
        self["limit"] = " ".join(filter(None, [self.get("limit"), text]))

    def path(self, name: str) -> Path | None:
        """A file name given as an option, or None."""
        value = self[name]
        return None if value is None else Path(value)

    def required_path(self, name: str) -> Path:
        """A file name that must be given; raises `usage.UsageError`."""
        return Path(self.required(name))

    def required(self, name: str) -> str:
        """An option that must be given; raises `usage.UsageError`."""
        value = self[name]
        if value is None:
            raise usage.UsageError(f"--{name} must be given")
        return str(value)


def client_endpoint(reactor: Any, description: str) -> IStreamClientEndpoint:
    """The endpoint of a description like `tcp:127.0.0.1:12000`; raises `usage.UsageError`."""
    try:
        return endpoints.client_endpoint(reactor, description)
    except endpoints.BadEndpoint as error:
        raise usage.UsageError(str(error)) from None


def server_endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    """The endpoint to listen on; raises `usage.UsageError`."""
    try:
        return endpoints.server_endpoint(reactor, description)
    except endpoints.BadEndpoint as error:
        raise usage.UsageError(str(error)) from None


class Listener:
    """A port that is opened as one step of a start and closed as one step of a stop.

    :param limits: of new connections; None: as many as come.
    :ivar intake: takes them at the pace of the limits.
    """

    def __init__(
        self,
        reactor: Any,
        description: str,
        factory: IProtocolFactory,
        limits: PortLimits | None = None,
    ) -> None:
        self._endpoint = server_endpoint(reactor, description)
        is_tls = description.startswith("tls13:")
        self._kind = "tls" if is_tls else "tcp"
        self._factory = factory
        self.intake: Intake | None = None
        if limits is not None:
            self.intake = Intake(reactor, limits.accepts(is_tls=is_tls))
        self._port: IListeningPort | None = None

    async def open(self) -> None:
        """Begin to listen; raises `CannotListenError` where the port is taken."""
        self._port = await self._endpoint.listen(self._factory)
        if self.intake is not None and isinstance(self._port, Port):
            self.intake.open(self._port)

    async def close(self) -> None:
        """Take no new connections."""
        if self.intake is not None:
            self.intake.close()
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)

    @property
    def address(self) -> str:
        """Where the port can be reached, as a client endpoint description."""
        assert self._port is not None
        host: Any = self._port.getHost()
        return f"{self._kind}:{host.host}:{host.port}"


class Watch(Struct, frozen=True):
    """What a daemon lets be seen of itself.

    :ivar figures: what it counts.
    :ivar health: asked once all steps have started.
    """

    figures: Sequence[Figure] = ()
    health: Callable[[], Health] = lambda: Health(True, "")


_SHOWS_NOTHING = Watch()


def daemon_service(
    reactor: Any,
    options: DaemonOptions,
    name: str,
    steps: Sequence[Step],
    address: Callable[[], str],
    watch: Watch = _SHOWS_NOTHING,
) -> IService:
    """Put a daemon together: timers, steps in order, announcement, lifeline, what can be seen.

    :param address: what to announce; called when all steps have started.
    """
    make_timers_monotonic(reactor)
    is_ready = False
    notifier = Notifier(reactor)
    reactor.addSystemEventTrigger("before", "shutdown", notifier.stopping)

    def ready() -> None:
        settle_garbage_collector()
        nonlocal is_ready
        is_ready = True
        notifier.ready()
        log.info("{name} is ready at {address}", name=name, address=address())
        announce = options.path("announce")
        if announce is not None:
            _write_whole(announce, address() + "\n")

    def failed(step: str, failure: Failure) -> None:
        if failure.check(TradeError, CannotListenError) is None:
            log.failure("{name} cannot start: {step}", failure, name=name, step=step)
        message = f"{name} cannot start: {step}: {failure.getErrorMessage()}"
        exit_with_failure(reactor, message)

    def health() -> Health:
        return watch.health() if is_ready else Health(False, "it is still starting")

    if options["metrics"] is not None:
        site = monitoring_site(name, watch.figures, health)
        monitoring = Listener(reactor, options["metrics"], site)
        steps = [Step("monitoring", monitoring.open, monitoring.close), *steps]
    stall_s = options["stall-s"]
    if stall_s is not None:
        loop_watch = LoopWatch(reactor, stall_s)
        steps = [Step("event loop's watch", loop_watch.start, loop_watch.stop), *steps]
    if options["lifeline"]:
        _hold_lifeline(reactor, options["answer-on"], health)
    return OrderedService(reactor, steps, ready, failed)


def settle_garbage_collector() -> None:
    """Have it look seldom, and never again at what was there before the first request.

    Records of the protocol and the journal hold no cycles and are not tracked; what is left comes
    and goes with each batch, and to look for cycles among it a hundred times a second is vain.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _hold_lifeline(reactor: Any, answer_on: int | None, health: Callable[[], Health]) -> None:
    """End with the starter; and answer it, where it told on which descriptor."""
    asked = None if answer_on is None else health
    lifeline = Lifeline(lambda: stop_once(reactor), asked)
    stdout = _STDOUT if answer_on is None else answer_on
    # mypy looks at Windows' version of it, which has no choice of descriptors.
    standard_io: Any = StandardIO
    reactor.callWhenRunning(lambda: standard_io(lifeline, stdout=stdout, reactor=reactor))


def stop_once(reactor: Any) -> None:
    """End the daemon in order, unless it is ending already."""
    if reactor.running:
        reactor.stop()


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever reads half of it."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text)
    os.replace(unfinished, path)
