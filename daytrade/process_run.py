"""One run of a command as a child process.

Only `processes` and those who describe commands to it import this. Invariants: a child has its own
session, so that a Ctrl-C at the terminal reaches only us and we stop our children in order; its
standard input is a pipe that only we hold, so that it reads end of file when we are gone, however
that happened.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.interfaces import IProcessTransport, IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

_OWN_SESSION = "import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])"
"""Twisted can give a child a session only together with a terminal; this keeps the pid."""


ANSWERS = 3
"""The descriptor on which a child answers."""


class Command(Struct, frozen=True):
    """What to run, and how to see that it is ready.

    :ivar name: the process's name in messages and figures.
    :ivar directory: its working directory, which exists.
    :ivar log_path: where its output is appended.
    :ivar environment: variables that replace or extend ours.
    :ivar is_ready: asked again and again after the start. None: the child gets two more arguments,
        `--announce FILE`, and writes that file, whole at once, when it is ready.
    :ivar answers: the child gets `--answer-on DESCRIPTOR` too, and answers questions there that
        come on its standard input.
    """

    name: str
    argv: tuple[str, ...]
    directory: Path
    log_path: Path
    environment: Mapping[str, str] = {}
    is_ready: Callable[[], bool] | None = None
    answers: bool = False

    def arguments(self) -> tuple[str, ...]:
        """Return the whole command line."""
        argv = self.argv
        if self.answers:
            argv = (*argv, "--answer-on", str(ANSWERS))
        if self.is_ready is None:
            argv = (*argv, "--announce", str(self.announce_path))
        return argv

    @property
    def announce_path(self) -> Path:
        """The file with which the child announces itself."""
        return self.directory / "announce"


class ExitStatus(Struct, frozen=True):
    """How a process ended: by an exit code, or by a signal."""

    code: int | None
    signal: int | None

    def __str__(self) -> str:
        if self.signal is not None:
            return f"killed by {signal.Signals(self.signal).name}"
        return f"exit code {self.code}"


def spawn(
    spawner: IReactorProcess,
    clock: IReactorTime,
    command: Command,
    on_end: Callable[[ExitStatus], None],
    on_answer: Callable[[bytes], None] = lambda _answer: None,
) -> IProcessTransport:
    """Start the command and return the child.

    `on_answer` is called with each line that the child says in answer to `ask`.
    `on_end` is called once, on a turn of the clock of its own, when the child has ended. A program
    that cannot be run ends with code 1 and says so in the log.
    """
    command.announce_path.unlink(missing_ok=True)
    argv = (sys.executable, "-I", "-S", "-c", _OWN_SESSION, *command.arguments())
    with command.log_path.open("ab") as log:
        descriptors: dict[int, int | str] = {0: "w", 1: log.fileno(), 2: log.fileno()}
        if command.answers:
            descriptors[ANSWERS] = "r"
        return spawner.spawnProcess(
            _Child(clock, on_end, on_answer),
            argv[0],
            argv,
            env={**os.environ, **command.environment, "PYTHONUNBUFFERED": "1"},
            path=str(command.directory),
            childFDs=descriptors,
        )


def ask(child: IProcessTransport, question: bytes) -> None:
    """Put a question to a child that answers."""
    child.writeToChild(0, question + b"\n")


class _Child(ProcessProtocol):
    """Twisted's side of one run: it turns the end of the child into one call."""

    def __init__(
        self,
        clock: IReactorTime,
        on_end: Callable[[ExitStatus], None],
        on_answer: Callable[[bytes], None],
    ) -> None:
        self._clock = clock
        self._on_end = on_end
        self._on_answer = on_answer
        self._answer = b""

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        *lines, self._answer = (self._answer + data).split(b"\n")
        for line in lines:
            self._on_answer(line)

    def processExited(self, reason: Failure) -> None:
        # Not processEnded: that one also waits for descendants which hold the pipe.
        assert self.transport is not None
        self.transport.loseConnection()
        end = reason.value
        assert isinstance(end, ProcessDone | ProcessTerminated)
        status = ExitStatus(end.exitCode, end.signal)
        self._clock.callLater(0, self._on_end, status)
