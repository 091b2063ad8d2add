"""Is the log whole and true? The audit log against itself, the schema, the ledger and the oracle.

Used by the commands that run a workload or verify a stack. The log is read from the daemon's file;
nobody may write to the ledger meanwhile.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from msgspec import Struct

from audit.dump import LogText
from audit.findings import Finding
from audit.reading import StoredEntry, read_entries
from audit.replay import Balance, balance_of
from audit.schema import load_schema
from audit.verify import LogCheck, verify_dumps
from audit.xml import InvalidLog, read_records
from daytrade.log_parts import LogParts
from generator.history_check import Disagreement, Firing, UserHistory, check_history
from generator.hits import legacy_hits_minimum
from generator.play import Answered
from generator.uses import PriceUses
from ledger.account import Account
from ledger.entry import Cause
from ledger.store import Store
from protocol.fields import account_name
from protocol.messages import SetBuyTrigger

_ACCOUNTS_AT_A_TIME = 1_000


class LogReport(Struct):
    """What reading the whole log showed.

    :ivar findings: everything wrong with it, against itself and the ledger.
    :ivar records: how many XML records it has.
    :ivar firings: for each user, the triggers that fired, in the order of the log.
    """

    findings: list[Finding]
    records: int
    legacy_hits_minimum: int
    hits_told: int
    firings: dict[str, list[Firing]]


class LedgerState(Struct):
    """The ledger at a moment: how far its streams are, and what everybody owns.

    :ivar versions: the number of each account's newest entry.
    """

    positions: dict[str, int]
    balances: dict[str, Balance]
    versions: dict[str, int] = {}


async def read_ledger(store: Store) -> LedgerState:
    """Read the whole ledger; raises `StoreUnavailable`."""
    positions = {name: each.last_number for name, each in (await store.positions()).items()}
    balances: dict[str, Balance] = {}
    versions: dict[str, int] = {}
    page: list[Account] = await store.accounts_after("", _ACCOUNTS_AT_A_TIME)
    while page:
        balances.update((account.user, balance_of(account)) for account in page)
        versions.update((account.user, account.seq) for account in page)
        page = await store.accounts_after(page[-1].user, _ACCOUNTS_AT_A_TIME)
    return LedgerState(positions, balances, versions)


def check_log(path: Path, ledger: LedgerState) -> LogReport:
    """Read the whole log twice, as entries and as XML, and compare it with the ledger; blocks."""
    check, uses = LogCheck(), PriceUses()
    firings: dict[str, list[Firing]] = defaultdict(list)
    hits = 0
    for stored in read_entries(path):
        check.take(stored)
        uses.take(stored.entry)
        hits += stored.bears_hit
        if stored.entry.cause is Cause.FIRING:
            firings[stored.entry.user].append(_firing(stored))
    findings = check.findings(ledger.positions, ledger.balances)
    parts = LogParts(path)
    findings += verify_dumps(parts, {user: each.money for user, each in ledger.balances.items()})
    minimum = legacy_hits_minimum(uses.uses_ms, uses.armed_ms())
    return LogReport(findings, parts.records, minimum, hits, dict(firings))


def _firing(stored: StoredEntry) -> Firing:
    entry = stored.entry
    return Firing(
        "buy" if entry.kind == SetBuyTrigger.KIND else "sell",
        entry.symbol,
        entry.price_cents,
        entry.decided_ms,
    )


def write_log(path: Path, user: str, target: IO[bytes]) -> int:
    """Write the log of one user, or (empty) of all, as XML; returns the number of records."""
    text = LogText(read_entries(path, user))
    try:
        while chunk := text.next_chunk():
            target.write(chunk)
    finally:
        text.close()
    return text.records


def is_valid_log(path: Path) -> bool:
    """Tell whether a file is an audit log by the schema; blocks."""
    try:
        with path.open("rb") as file:
            for _ in read_records(file, load_schema()):
                pass
    except (OSError, InvalidLog):
        return False
    return True


def check_replies(
    answered: Iterable[Answered],
    firings: Mapping[str, list[Firing]],
    unknown_users: set[str],
) -> list[Disagreement]:
    """Replay every user's replies through the oracle.

    Users with commands of unknown outcome are left out: what those did nobody has told the client.
    """
    by_account: dict[str, list[Answered]] = defaultdict(list)
    for each in answered:
        by_account[account_name(each.command.user)].append(each)
    histories = (
        UserHistory(
            user,
            [(each.command, each.reply) for each in sorted(exchanges, key=_seq)],
            firings.get(user, []),
        )
        for user, exchanges in by_account.items()
        if user and user not in unknown_users
    )
    return check_history(histories)


def _seq(answered: Answered) -> int:
    return answered.reply.seq
