"""Child processes that only seem to run, for tests on a `Clock`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from msgspec import Struct
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure


class Spawned(Struct, frozen=True):
    """What a child was started with."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str
    descriptors: Mapping[int, int | str]


class FakeChild:
    """A child that records the signals it gets and ends when a test says so."""

    def __init__(self, protocol: ProcessProtocol, pid: int, spawned: Spawned) -> None:
        self.pid = pid
        self.spawned = spawned
        self.signals: list[str] = []
        self.stdin_closed = False
        self.questions: list[bytes] = []
        self._alive = True
        self._protocol = protocol

    def announce(self) -> None:
        """Write the file that `--announce` names."""
        argv = self.spawned.argv
        Path(argv[argv.index("--announce") + 1]).write_text("ready\n")

    def writeToChild(self, descriptor: int, data: bytes) -> None:
        """Record what was asked on standard input."""
        assert descriptor == 0
        self.questions.append(data)

    def answer(self, line: bytes) -> None:
        """Say a line on the descriptor for answers."""
        self._protocol.childDataReceived(3, line + b"\n")

    def end(self, code: int | None = 0, signal: int | None = None) -> None:
        """Let the child end."""
        self._alive = False
        ended_well = code == 0 and signal is None
        self._protocol.processExited(
            Failure(ProcessDone(0) if ended_well else ProcessTerminated(code, signal))
        )

    def signalProcess(self, name: str) -> None:
        """Record a signal, as far as the child is there to get it."""
        if not self._alive:
            raise ProcessExitedAlready()
        self.signals.append(name)

    def loseConnection(self) -> None:
        """Record that our end of the child's standard input was closed."""
        self.stdin_closed = True


class FakeSpawner:
    """A reactor's `spawnProcess` that starts nothing.

    :ivar children: every child so far, oldest first.
    :ivar problem: raised by the next start, once.
    """

    def __init__(self) -> None:
        self.children: list[FakeChild] = []
        self.problem: OSError | None = None

    def as_reactor(self) -> IReactorProcess:
        """Return this spawner under the type that its users declare."""
        return cast(IReactorProcess, self)

    def spawnProcess(
        self,
        protocol: ProcessProtocol,
        executable: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        path: str,
        childFDs: Mapping[int, int | str],
    ) -> FakeChild:
        """Make a child that runs until its `end` is called."""
        assert executable == argv[0]
        if self.problem is not None:
            problem, self.problem = self.problem, None
            raise problem
        spawned = Spawned(tuple(argv), dict(env), path, dict(childFDs))
        child = FakeChild(protocol, 1000 + len(self.children), spawned)
        self.children.append(child)
        protocol.makeConnection(cast(Any, child))
        return child
