"""Run one coroutine under the reactor, from a command line.

Used by the `daytrade` command. Ctrl-C and SIGTERM cancel the coroutine, whose `finally` then stops
what it started; a second Ctrl-C does not hurry it, because half a stop leaves a mess.
"""

import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from daytrade.errors import StackError
from generator.fleet import NoNode
from ledger.store import StoreUnavailable
from protocol.errors import TradeError
from service.time import make_timers_monotonic

EXIT_INTERRUPTED = 130


def run(main: Callable[[Any], Coroutine[Any, Any, int]]) -> int:
    """Run `main(reactor)` and return its exit code; errors that a person can mend are printed."""
    from twisted.internet import reactor

    any_reactor: Any = reactor
    make_timers_monotonic(reactor)
    ended = _Ended()

    def begin() -> None:
        running = Deferred.fromCoroutine(main(reactor))

        def interrupt(_number: int, _frame: object) -> None:
            # Cancelling twice would cancel the stop itself.
            _on_signals(signal.SIG_IGN)
            any_reactor.callFromThread(running.cancel)

        _on_signals(interrupt)
        running.addCallbacks(ended.with_code, ended.with_failure)
        running.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    return ended.code


def _on_signals(action: Callable[[int, Any], None] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, action)


class _Ended:
    """How the coroutine ended, as an exit code."""

    def __init__(self) -> None:
        self.code = 1

    def with_code(self, code: int) -> None:
        self.code = code

    def with_failure(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, CancelledError):
            self.code = EXIT_INTERRUPTED
            sys.stderr.write("daytrade: interrupted\n")
        elif isinstance(error, StackError | NoNode | StoreUnavailable | TradeError | OSError):
            sys.stderr.write(f"daytrade: {error}\n")
        else:
            failure.printTraceback(sys.stderr)
