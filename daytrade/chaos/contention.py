"""Many clients at one account: whatever races, the sums are exact.

Used by the `daytrade` command. Half of the clients go to each of two nodes, and so the nodes are at
odds about the account all the time: each must see that the other came first, and decide again.
"""

import os
import random
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from daytrade.chaos.proving import stop_and_check
from daytrade.chaos.workload import contention_lines
from daytrade.checking import CheckReport
from daytrade.data_directory import DataDirectory
from daytrade.process_run import ExitStatus
from daytrade.stack import LocalStack
from daytrade.stack_settings import StackSettings
from generator.dumplogs import DumpLogs
from generator.history import HistoryFile
from generator.ids import CommandIds
from generator.play import Play
from generator.progress import Progress
from generator.user_run import Sent
from protocol.authentication import AccessRole
from service.time import wall_ms

NODES = 2


class _Counted:
    """What a play shows of its progress where many play at once: nothing by itself."""

    def advance(self, commands: int) -> None:
        """The commands are counted elsewhere."""

    def finish(self) -> None:
        """The others may still be at it."""


class Contention:
    """One run on an open data directory, in which the history stays as `history`."""

    def __init__(
        self,
        reactor: Any,
        directory: DataDirectory,
        on_exit: Callable[[str, ExitStatus], None],
    ) -> None:
        self._reactor = reactor
        self._history_path = directory.path / "history"
        self._stack = LocalStack(reactor, directory, StackSettings(nodes=NODES), on_exit)

    async def run(
        self, clients: int, commands: int, seed: int, begin_progress: Callable[[], Progress]
    ) -> CheckReport:
        """Play so many commands of one account over so many clients, and check."""
        shares = contention_lines(clients, commands, seed)
        history = HistoryFile.at(self._history_path, wall_ms)
        try:
            await self._stack.start()
            progress = begin_progress()
            plays = [
                Deferred.fromCoroutine(self._play(number, history, progress).run(lines, _Counted))
                for number, lines in enumerate(shares)
            ]
            await DeferredList(plays, fireOnOneErrback=True, consumeErrors=True)
            progress.finish()
            history.close()
            return await stop_and_check(
                self._reactor, self._stack, self._history_path, in_order=False
            )
        finally:
            await self._stack.stop()

    def _play(self, client: int, history: HistoryFile, progress: Progress) -> Play:
        """One client, with connections of its own to the node that is its."""
        names = sorted(self._stack.addresses.nodes)
        name = names[client % len(names)]

        def settled(_sent: Sent, _outcome: object) -> None:
            progress.advance(1)

        return Play(
            self._reactor,
            {name: self._stack.endpoint(self._stack.addresses.nodes[name])},
            self._stack.credential(AccessRole.WORKLOAD),
            None,
            CommandIds(wall_ms, os.urandom(CommandIds.RUN_BYTES)),
            DumpLogs(None),
            random.random,
            history=history,
            on_settled=settled,
        )
