"""`twistd trade-audit`: the audit daemon.

For twistd and the local stack. The file is written in one thread and read in others; the reactor
never waits for a disk.
"""

from functools import partial
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool
from twisted.python.usage import UsageError

from audit.daemon import DUMPS_MAX, AuditDaemon
from audit.figures import store_figures
from audit.heads import HeadKey, HeadKeyError
from audit.mending import Mended, mend
from audit.notary import Notary
from audit.operations import AuditVerbs
from audit.own_recorder import OwnRecorder
from audit.postgres_heads import PostgresHeads
from audit.store import Store
from service.daemon import DaemonOptions, daemon_service
from service.ordered import Step
from service.time import wall_ms
from twistd_plugins.common import accept_option, check_endpoints
from twistd_plugins.port import OperatedPort
from twistd_plugins.security import SecurityLog

log = Logger()

_POLL_S = 0.05


class Options(DaemonOptions):
    """What the audit daemon is told on the command line."""

    synopsis = "[options]"
    optParameters: list[list[Any]] = [
        ["listen", "l", "tcp:12200:interface=127.0.0.1", "Endpoint for nodes and administrators."],
        ["name", "n", "audit", "The daemon's name."],
        ["store", "s", None, "File that keeps the log, made new if there is none."],
        ["accept", "a", None, "File with the names that may log in, and their verifiers."],
        ["database", "d", None, "DSN of the Postgres that keeps the log's signed heads."],
        ["head-key", "k", None, "File with the Ed25519 key that signs them; with --database."],
    ]

    def postOptions(self) -> None:
        """Check what can be checked without opening the log."""
        check_endpoints(self, servers=("listen",))
        self.store_path = self.required_path("store")
        self.verifiers = accept_option(self.required_path("accept"))
        self.head_key = head_key_option(self.path("head-key"))
        if (self.head_key is None) != (self["database"] is None):
            raise UsageError("--database and --head-key are given together or not at all")


def head_key_option(path: Path | None) -> HeadKey | None:
    """The key in a file named on the command line; raises `UsageError`."""
    try:
        return None if path is None else HeadKey.read(path)
    except HeadKeyError as error:
        raise UsageError(f"--head-key: {error}") from None


def heads_steps(reactor: Any, options: Options, store: Store) -> list[Step]:
    """What signs the log's heads, where the options name a key and a place for them."""
    if options.head_key is None:
        return []
    book = PostgresHeads(reactor, options["database"])
    notary = Notary(reactor, store, options.head_key, book, wall_ms)

    async def close_book() -> None:
        book.close()

    return [
        Step("book of heads", stop=close_book),
        Step("heads", notary.start, notary.stop, stop_timeout_s=5.0),
    ]


def makeService(options: Options, reactor: Any = None) -> IService:
    """Build the daemon: its threads, the log's file and the port."""
    if reactor is None:
        from twisted.internet import reactor as global_reactor

        reactor = global_reactor
    writer = ThreadPool(minthreads=1, maxthreads=1, name="audit writer")
    readers = ThreadPool(minthreads=0, maxthreads=DUMPS_MAX, name="audit readers")
    store = Store(
        reactor,
        options.store_path,
        partial(deferToThreadPool, reactor, writer),
        partial(deferToThreadPool, reactor, readers),
    )
    security = SecurityLog(OwnRecorder(reactor, options["name"], store, wall_ms))
    port = OperatedPort(
        reactor,
        options,
        AuditDaemon(reactor, store),
        options.verifiers,
        store_figures(store),
        AuditVerbs(store, options.store_path).verbs(),
        security,
    )

    async def start_threads() -> None:
        writer.start()
        readers.start()

    async def stop_threads() -> None:
        writer.stop()
        readers.stop()

    async def mend_log() -> None:
        mended: Mended | None = await deferToThreadPool(
            reactor, writer, mend, options.store_path, wall_ms()
        )
        if mended is not None:
            log.error(
                "the log was torn and is cut back to row {row}, the rest comes again from the"
                " journals; the torn file is {aside}",
                row=mended.last_row,
                aside=mended.aside,
            )

    async def answer_what_was_asked() -> None:
        port.factory.drain()
        while port.factory.outstanding:
            await deferLater(reactor, _POLL_S)

    async def end_connections() -> None:
        port.factory.close_all()

    steps = [
        Step("threads", start_threads, stop_threads),
        Step("torn log", mend_log),
        Step("log", store.open, store.close),
        *heads_steps(reactor, options, store),
        *security.steps,
        Step("connections", stop=end_connections),
        Step("requests", stop=answer_what_was_asked),
        Step("port", port.listener.open, port.listener.close),
    ]
    return daemon_service(
        reactor, options, options["name"], steps, lambda: port.address, port.watch
    )
