"""What all daemons have in common: options, a port as a step, the announcement, the lifeline."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import (
    MemoryReactorClock,
    RaisingMemoryReactor,
    StringTransport,
)
from twisted.python.failure import Failure
from twisted.python.usage import UsageError

from protocol.errors import Code, TradeError
from service import daemon
from service.daemon import DaemonOptions, Listener, client_endpoint, daemon_service
from service.limits import PortLimits
from service.ordered import EXIT_FAILED, Step
from tests.service.links import outcome_of


def options(*words: str) -> DaemonOptions:
    parsed = DaemonOptions()
    parsed.parseOptions(words)
    return parsed


@pytest.fixture
def reactor() -> MemoryReactorClock:
    return MemoryReactorClock()


class TestOptions:
    def test_a_file_may_be_given_or_not(self) -> None:
        assert options("--announce", "x/y").path("announce") == Path("x/y")
        assert options().path("announce") is None

    def test_limits_are_the_usual_ones_but_for_those_that_are_given(self) -> None:
        parsed = options("--limit", "accepts_per_s=50", "--limit", "log_in_tries=2")
        assert parsed.limits == PortLimits(accepts_per_s=50.0, log_in_tries=2)
        assert options().limits == PortLimits()
        assert parsed["limit"] == "accepts_per_s=50 log_in_tries=2"

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("accepts_per_s", "is not NAME=VALUE"),
            ("speed=3", "is not NAME=VALUE with one of the names accepts_per_s"),
            ("log_in_tries=many", "Expected `int`"),
            ("log_in_tries=0", "Expected `int` >= 1"),
        ],
    )
    def test_a_limit_that_is_none_is_an_error_of_usage(self, text: str, hint: str) -> None:
        with pytest.raises(UsageError, match="--limit: ") as wrong:
            options("--limit", text)
        assert hint in str(wrong.value)

    def test_what_must_be_given_is_asked_for_by_name(self) -> None:
        assert options("--announce", "x").required("announce") == "x"
        assert options("--announce", "x").required_path("announce") == Path("x")
        for required in (options().required, options().required_path):
            with pytest.raises(UsageError, match="--announce must be given"):
                required("announce")

    @pytest.mark.parametrize("text", ["nonsense", "tcp", "tcp:host:port:more=x"])
    def test_an_endpoint_that_is_none_is_an_error_of_usage(
        self, reactor: MemoryReactorClock, text: str
    ) -> None:
        with pytest.raises(UsageError, match="is no endpoint"):
            client_endpoint(reactor, text)
        with pytest.raises(UsageError, match="is no endpoint"):
            Listener(reactor, text, Factory())


class TestListener:
    def test_it_listens_when_opened_and_tells_where(self, reactor: MemoryReactorClock) -> None:
        factory = Factory()
        listener = Listener(reactor, "tcp:12100:interface=127.0.0.1", factory)
        assert reactor.tcpServers == []
        assert outcome_of(listener.open()) == [None]
        assert reactor.tcpServers == [(12100, factory, 50, "127.0.0.1")]
        assert listener.address.startswith("tcp:")
        assert listener.address.endswith(":12100")

    def test_its_address_is_one_that_a_client_understands(
        self, reactor: MemoryReactorClock
    ) -> None:
        listener = Listener(reactor, "tcp:12100", Factory())
        outcome_of(listener.open())
        client_endpoint(reactor, listener.address).connect(Factory.forProtocol(Protocol))
        assert reactor.tcpClients[0][1] == 12100

    def test_a_port_that_is_taken_fails_the_start(self) -> None:
        reactor = RaisingMemoryReactor(CannotListenError("127.0.0.1", 12100, OSError("in use")))
        (error,) = outcome_of(Listener(reactor, "tcp:12100", Factory()).open())
        assert isinstance(error, CannotListenError)

    def test_what_was_never_opened_can_be_closed(self, reactor: MemoryReactorClock) -> None:
        assert outcome_of(Listener(reactor, "tcp:12100", Factory()).close()) == [None]


class TestDaemon:
    @pytest.fixture(autouse=True)
    def _prepare(self, reactor: MemoryReactorClock, tmp_path: Path) -> None:
        self.reactor = reactor
        self.announcement = tmp_path / "address"
        self.starting: Deferred[None] = Deferred()

    async def start(self) -> None:
        await self.starting

    def begin(self, *words: str) -> None:
        service = daemon_service(
            self.reactor,
            options("--announce", str(self.announcement), *words),
            "test-daemon",
            [Step("port", self.start)],
            lambda: "tcp:127.0.0.1:12100",
        )
        service.startService()

    def test_the_address_is_announced_once_everything_has_started(self) -> None:
        self.begin()
        assert not self.announcement.exists()
        self.starting.callback(None)
        assert self.announcement.read_text() == "tcp:127.0.0.1:12100\n"
        assert list(self.announcement.parent.iterdir()) == [self.announcement]

    def test_nobody_ever_reads_half_an_announcement(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[tuple[bool, str]] = []

        def replace(unfinished: Path, path: Path) -> None:
            seen.append((path.exists(), unfinished.read_text()))

        monkeypatch.setattr("os.replace", replace)
        self.begin()
        self.starting.callback(None)
        assert seen == [(False, "tcp:127.0.0.1:12100\n")]

    def test_its_timers_run_on_the_monotonic_clock(self) -> None:
        self.begin()
        assert self.reactor.seconds is time.monotonic

    @pytest.mark.parametrize(
        "error", [TradeError(Code.STORE_UNAVAILABLE, "no ledger"), RuntimeError("no ledger")]
    )
    def test_a_failed_start_stops_the_reactor_and_ends_with_an_exit_code(
        self,
        error: Exception,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        codes: list[int] = []
        monkeypatch.setattr("os._exit", codes.append)
        self.begin()
        self.starting.errback(Failure(error))
        assert not self.announcement.exists()
        self.reactor.run()
        assert self.reactor.hasStopped
        assert codes == []
        for leave, args, kwargs in self.reactor.triggers["after"]["shutdown"]:
            leave(*args, **kwargs)
        assert codes == [EXIT_FAILED]
        assert EXIT_FAILED != 0
        said = capfd.readouterr().err
        assert "test-daemon cannot start: port" in said
        assert "no ledger" in said


class TestLifeline:
    @pytest.fixture(autouse=True)
    def _standard_input(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        self.opened: list[tuple[Protocol, Any]] = []
        self.answers_on: list[int] = []

        def standard_io(protocol: Protocol, stdout: int, reactor: Any = None) -> None:
            self.opened.append((protocol, reactor))
            self.answers_on.append(stdout)

        monkeypatch.setattr(daemon, "StandardIO", standard_io)
        yield

    def run_hooks(self, reactor: MemoryReactorClock, *words: str) -> Callable[[], None]:
        """Start a daemon, and return what ends its standard input."""
        daemon_service(reactor, options(*words), "test-daemon", [], lambda: "")
        for hook, args, kwargs in reactor.whenRunningHooks:
            hook(*args, **kwargs)
        reactor.running = True
        return lambda: self.opened[0][0].connectionLost()

    def test_the_daemon_leaves_when_its_standard_input_ends(
        self, reactor: MemoryReactorClock
    ) -> None:
        end = self.run_hooks(reactor, "--lifeline")
        assert not reactor.hasStopped
        end()
        assert reactor.hasStopped

    def test_it_uses_the_reactor_it_was_given(self, reactor: MemoryReactorClock) -> None:
        self.run_hooks(reactor, "--lifeline")
        assert self.opened[0][1] is reactor

    def test_a_daemon_that_is_leaving_already_is_not_stopped_again(
        self, reactor: MemoryReactorClock
    ) -> None:
        end = self.run_hooks(reactor, "--lifeline")
        reactor.running = False
        end()
        assert not reactor.hasStopped

    def test_it_answers_for_its_health_where_it_is_told_to(
        self, reactor: MemoryReactorClock
    ) -> None:
        self.run_hooks(reactor, "--lifeline", "--answer-on", "7")
        assert self.answers_on == [7]
        transport = StringTransport()
        [(lifeline, _)] = self.opened
        lifeline.makeConnection(transport)
        lifeline.dataReceived(b"health\n")
        assert transport.value() == b"unwell it is still starting\n"

    def test_without_it_standard_input_is_left_alone(self, reactor: MemoryReactorClock) -> None:
        self.run_hooks(reactor)
        assert self.opened == []
