"""A small supervisor on the real reactor, run as a program by `test_processes_e2e`.

    python -m tests.daytrade.driver_processes DIRECTORY

It starts PostgreSQL and then a child of its own, kills both with SIGKILL, waits until both are back
and says so in a line of JSON. When it is told to end it stops both, says how they ended in another
line, and ends.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from daytrade.embedded_postgres import STOP_GRACE_S, EmbeddedPostgres
from daytrade.process_group import ProcessGroup
from daytrade.process_run import Command
from daytrade.processes import Backoff, SupervisedProcess

CHILD = """
import os, sys
announcement = sys.argv[sys.argv.index("--announce") + 1]
open(announcement + ".new", "w").close()
os.rename(announcement + ".new", announcement)
sys.stdin.read()
"""


class Driver:
    """The two processes, and what is told of them."""

    def __init__(self, reactor: Any, directory: Path) -> None:
        self.reactor = reactor
        self.exits: list[str] = []
        self.postgres = EmbeddedPostgres(directory / "postgres")
        self.server = self._supervise(
            Command(
                name="postgres",
                argv=self.postgres.prepare(),
                directory=directory,
                log_path=directory / "postgres.log",
                is_ready=self.postgres.is_ready,
            )
        )
        self.child = self._supervise(
            Command("child", (sys.executable, "-c", CHILD), directory, directory / "child.log")
        )
        self.group = ProcessGroup(reactor, [self.server, self.child])

    def _supervise(self, command: Command) -> SupervisedProcess:
        return SupervisedProcess(
            self.reactor,
            self.reactor,
            command,
            grace_s=STOP_GRACE_S + 5.0,
            backoff=Backoff(),
            on_exit=lambda process, status: self.exits.append(f"{process.name} {status}"),
        )

    async def start(self) -> None:
        await self.group.start()
        first_child, first_postmaster = self.child.pid, self.postgres.postmaster_pid
        assert first_postmaster is not None
        self.child.kill()
        os.kill(first_postmaster, signal.SIGKILL)
        while self.child.pid in (None, first_child) or not self.postgres.is_ready():
            await deferLater(self.reactor, 0.02)
        self.tell(
            supervised=[self.server.pid, self.child.pid],
            postmaster=self.postgres.postmaster_pid,
            killed=[first_child, first_postmaster],
            exits=sorted(self.exits),
        )

    async def stop(self) -> None:
        await self.group.stop()
        statuses = [str(await process.stop()) for process in self.group.processes]
        usage = {name: used.rss_mb_max for name, used in self.group.usage().items()}
        self.tell(statuses=statuses, rss_mb_max=usage)

    def tell(self, **facts: object) -> None:
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()

    def give_up(self, failure: Failure) -> None:
        sys.stderr.write(failure.getTraceback())
        self.reactor.stop()


def main() -> None:
    reactor: Any = installed_reactor
    driver = Driver(reactor, Path(sys.argv[1]))
    reactor.callWhenRunning(
        lambda: Deferred.fromCoroutine(driver.start()).addErrback(driver.give_up)
    )
    reactor.addSystemEventTrigger(
        "before", "shutdown", lambda: Deferred.fromCoroutine(driver.stop())
    )
    reactor.run()


if __name__ == "__main__":
    main()
