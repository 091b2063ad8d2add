"""Keep one command on a leash: it ends when whoever started the leash ends, however that happens.

    python -m daytrade.leash [--signal INT] [--grace-s 20] [--user NAME] -- COMMAND [ARGUMENT...]

Run as a program, imported by nobody; plain standard library. The command gets the stop signal when
the leash's standard input reaches end of file or the leash gets SIGTERM, SIGINT or SIGHUP, and
SIGKILL when it is still there after the grace time. Whoever starts the leash holds the writing end
of that input and does nothing else with it: the kernel closes it even on `kill -9`.

Invariant: the leash ends after its command, with the command's exit code (128 + n for signal n); on
Linux it also outwaits what the command left behind, and a `kill -9` of the leash itself still sends
the stop signal.
"""

import argparse
import ctypes
import os
import pwd
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

_END_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_COMMAND_NOT_FOUND = 127
_LINGER_S = 5.0
"""How long the leash waits for processes that a killed command left behind."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: Sequence[str]) -> int:
    """Run the command of `arguments` to its end and return the exit code to pass on."""
    options = _parser().parse_args(arguments)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wakeups = _catch_signals()
    stop_signal = signal.Signals["SIG" + options.signal]
    try:
        child = _spawn(options.command, options.user, stop_signal)
    except OSError as error:
        sys.stderr.write(f"leash: {options.command[0]} cannot be started: {error}\n")
        return _COMMAND_NOT_FOUND
    return _Leash(child.pid, wakeups, stop_signal, options.grace_s).hold()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="daytrade.leash", description=__doc__)
    parser.add_argument("--signal", choices=("TERM", "INT", "QUIT"), default="TERM")
    parser.add_argument("--grace-s", type=float, default=20.0)
    parser.add_argument("--user", help="the system user that runs the command")
    parser.add_argument("command", nargs="+")
    return parser


def _catch_signals() -> socket.socket:
    """Return a socket on which one byte, its number, arrives for each signal that matters."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach())
    for number in (*_END_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda _number, _frame: None)
    return reader


def _spawn(
    command: Sequence[str], user: str | None, stop_signal: signal.Signals
) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own, out of the reach of a Ctrl-C at the terminal."""
    account = None if user is None else pwd.getpwnam(user)
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        user=None if account is None else account.pw_uid,
        group=None if account is None else account.pw_gid,
        extra_groups=None if account is None else (),
        preexec_fn=_follow(os.getpid(), stop_signal),
    )


def _follow(leash_pid: int, stop_signal: signal.Signals) -> Callable[[], None]:
    """Return what the child does before it becomes the command: ask to be told of our death.

    It runs after the change of user, which would forget the request. A leash that died before the
    request sends nothing, therefore the look at the parent.
    """

    def follow() -> None:
        if _prctl(_PR_SET_PDEATHSIG, stop_signal) and os.getppid() != leash_pid:
            os.kill(os.getpid(), signal.SIGKILL)

    return follow


def _prctl(option: int, value: int) -> bool:
    """Ask the Linux kernel for a process attribute; elsewhere do nothing and return False."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)


class _Leash:
    """The wait for one started command."""

    def __init__(
        self, pid: int, wakeups: socket.socket, stop_signal: signal.Signals, grace_s: float
    ) -> None:
        self._pid = pid
        self._wakeups = wakeups
        self._stop_signal = stop_signal
        self._grace_s = grace_s
        self._exit_code: int | None = None
        self._deadline_s: float | None = None
        self._selector = selectors.PollSelector()
        self._selector.register(wakeups, selectors.EVENT_READ)
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ)

    def hold(self) -> int:
        """Wait until nothing of the command is left; return its exit code."""
        while self._reap():
            told_to_end = self._wait()
            if self._exit_code is None and told_to_end and self._deadline_s is None:
                os.kill(self._pid, self._stop_signal)
                self._deadline_s = time.monotonic() + self._grace_s
            elif self._deadline_s is not None and time.monotonic() >= self._deadline_s:
                if self._exit_code is not None:
                    break
                os.killpg(self._pid, signal.SIGKILL)
                self._deadline_s = None
        assert self._exit_code is not None
        return self._exit_code

    def _reap(self) -> bool:
        """Collect whatever ended; return whether any child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._pid:
                code = os.waitstatus_to_exitcode(status)
                self._exit_code = code if code >= 0 else 128 - code
                self._deadline_s = time.monotonic() + _LINGER_S

    def _wait(self) -> bool:
        """Wait for a signal, the end of the input or the deadline; return whether it says stop."""
        timeout_s = None
        if self._deadline_s is not None:
            timeout_s = max(0.0, self._deadline_s - time.monotonic())
        told = False
        for key, _ in self._selector.select(timeout_s):
            if key.fileobj is self._wakeups:
                told |= any(number in _END_SIGNALS for number in self._wakeups.recv(64))
            elif not os.read(key.fd, 4096):
                self._selector.unregister(key.fileobj)
                told = True
        return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
