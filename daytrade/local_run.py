"""Play a workload on a stack of its own, and check everything that can be checked afterwards.

Used by `daytrade workload run --local` and `daytrade demo`.
"""

import os
import random
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct
from twisted.internet.threads import deferToThread

from daytrade.data_directory import TemporaryDataDirectory
from daytrade.double_control import charged_hits
from daytrade.price_layers import price_layers
from daytrade.process_run import ExitStatus
from daytrade.stack import LocalStack
from daytrade.stack_settings import StackSettings
from daytrade.verification import (
    LogReport,
    check_log,
    check_replies,
    is_valid_log,
    read_ledger,
)
from generator.driver import Pace
from generator.dumplogs import DumpLogs
from generator.history_check import Disagreement
from generator.ids import CommandIds
from generator.play import Play
from generator.progress import Progress
from generator.result import ProcessUse, RunResult
from generator.workload import Line
from protocol.authentication import AccessRole
from protocol.messages import DumpLog
from service.time import wall_ms


class RunOptions(Struct, frozen=True):
    """How to play.

    :ivar history: the file that keeps every command before it is sent, and how it ended; None:
        nothing is kept. A play that was cut short goes on where its history ends.
    :ivar dumplog_dir: where DUMPLOG files are kept; None: nowhere.
    """

    pace: Pace = Pace()
    dumplog_dir: Path | None = None
    history: Path | None = None


class LocalReport(Struct):
    """What a run on a stack of its own has shown.

    :ivar log: what the log showed against itself and the ledger.
    :ivar disagreements: replies that are not what the oracle expects.
    """

    result: RunResult
    log: LogReport
    disagreements: list[Disagreement]

    @property
    def problems(self) -> list[str]:
        """Everything that is not as it must be, a line each; empty for a good run."""
        found = [f"{each.kind.value}: {each.where}: {each.what}" for each in self.log.findings]
        found += [
            f"oracle: {each.user} {each.seq}: expected {each.expected}, got {each.got}"
            for each in self.disagreements
        ]
        if self.result.unknown:
            found.append(f"{self.result.unknown} commands have an unknown outcome")
        if self.result.dumplog_valid is False:
            found.append("a DUMPLOG does not validate")
        return found


async def run_locally(
    reactor: Any,
    lines: Sequence[Line],
    settings: StackSettings,
    options: RunOptions,
    begin_progress: Callable[[], Progress],
) -> LocalReport:
    """Start a throwaway stack, play the lines, stop it, and check; raises `StackError`."""
    with TemporaryDataDirectory() as directory, _kept_logs(options.dumplog_dir) as logs_dir:
        stack = LocalStack(reactor, directory, settings, tell_exit)
        try:
            await stack.start()
            play = _play_on(reactor, stack, options, logs_dir)
            await play.run(lines, begin_progress)
            if stack.addresses.control is not None:
                play.result.legacy_hits = await charged_hits(
                    stack.endpoint(stack.addresses.control)
                )
            play.result.price_layers = await price_layers(reactor, stack)
            await stack.stop_services()
            play.result.processes = _usage(stack)
            ledger = await read_ledger(stack.store)
            log = await deferToThread(check_log, stack.audit_path, ledger)
            disagreements = await deferToThread(
                check_replies, play.answered, log.firings, play.unknown_users
            )
            dumps = [line.command for line in lines if isinstance(line.command, DumpLog)]
            _judge(play.result, log, logs_dir, dumps)
            return LocalReport(play.result, log, disagreements)
        finally:
            await stack.stop()


def _play_on(reactor: Any, stack: LocalStack, options: RunOptions, logs_dir: Path) -> Play:
    return Play(
        reactor,
        {name: stack.endpoint(address) for name, address in stack.addresses.nodes.items()},
        stack.credential(AccessRole.WORKLOAD),
        stack.credential(AccessRole.ADMINISTRATOR),
        CommandIds(wall_ms, os.urandom(CommandIds.RUN_BYTES)),
        DumpLogs(logs_dir),
        random.random,
        pace=options.pace,
        keep=True,
    )


def _judge(result: RunResult, log: LogReport, logs_dir: Path, dumps: Sequence[DumpLog]) -> None:
    """Fill in the figures that only somebody who sees the whole stack can know."""
    result.audit_records = log.records
    result.legacy_hits_minimum = log.legacy_hits_minimum
    result.ledger_equals_audit = not log.findings
    paths = {DumpLogs(logs_dir).path_of(command) for command in dumps}
    verdicts = [is_valid_log(path) for path in paths if path is not None]
    result.dumplog_valid = all(verdicts) if verdicts else None


@contextmanager
def _kept_logs(directory: Path | None) -> Iterator[Path]:
    """The folder for DUMPLOG files: the one asked for, or one that is gone afterwards."""
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory
    else:
        with TemporaryDirectory(prefix="daytrade-logs-") as name:
            yield Path(name)


def _usage(stack: LocalStack) -> dict[str, ProcessUse]:
    own = resource.getrusage(resource.RUSAGE_SELF)
    uses = {"generator": ProcessUse(own.ru_utime, own.ru_stime, own.ru_maxrss / 1024)}
    for name, use in stack.usage().items():
        uses[name] = ProcessUse(use.user_s, use.system_s, use.rss_mb_max)
    return uses


def tell_exit(name: str, status: ExitStatus) -> None:
    """Say that a part of the stack ended by itself."""
    sys.stderr.write(f"daytrade: {name} ended ({status}); it is started again\n")
