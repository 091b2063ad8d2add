"""The end of a run: wait until the log has everything, stop the writers, and check.

Used by the chaos run and the contention run.
"""

from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from audit.reading import read_positions
from daytrade.chaos.infliction import has_reached
from daytrade.checking import CheckReport, check_run
from daytrade.stack import LocalStack
from generator.history import read_history

_POLL_S = 0.2
_LOGGED_S_MAX = 120.0

log = Logger()


async def stop_and_check(
    clock: IReactorTime, stack: LocalStack, history: Path, *, in_order: bool = True
) -> CheckReport:
    """Stop a stack's services once the audit daemon has all that the ledger holds, and check.

    :param in_order: each user had one client, which sent one command after the other.
    """
    if not await _everything_logged(clock, stack):
        log.warn("the audit daemon does not have everything after {s} s", s=_LOGGED_S_MAX)
    await stack.stop_services()
    return await check_run(stack.store, stack.audit_path, read_history(history), in_order=in_order)


async def _everything_logged(clock: IReactorTime, stack: LocalStack) -> bool:
    give_up_s = clock.seconds() + _LOGGED_S_MAX
    while clock.seconds() < give_up_s:
        if all(process.is_ready for process in stack.processes.values()):
            positions = await stack.store.positions()
            last_numbers = {name: position.last_number for name, position in positions.items()}
            if has_reached(read_positions(stack.audit_path), last_numbers):
                return True
        await deferLater(clock, _POLL_S)
    return False
