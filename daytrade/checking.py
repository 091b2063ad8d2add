"""The checker: the client's history, the ledger in Postgres and the audit log, all compared.

Used by `daytrade check` and `daytrade chaos`. Nobody may write to the ledger meanwhile. What the
comparison is, is told in `generator.exactly_once`; here the three are read, and the oracle and the
log's own check are asked too.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from audit.reading import StoredEntry, read_entries
from daytrade.verification import LedgerState, LogReport, check_log, read_ledger
from generator.exactly_once import LedgerView, Verdict, judge
from generator.history import Exchange
from generator.history_check import Disagreement, Reply, UserHistory, check_history
from ledger.entry import Cause, Entry, decode_entry, reply_of
from ledger.store import Store
from protocol.fields import account_name
from protocol.messages import Command, DisplaySummary, Summary

_ENTRIES_AT_A_TIME = 5_000


class CheckReport(Struct):
    """All that the checker found.

    :ivar verdict: the client's history against ledger and log.
    :ivar log: the log against itself, its schema and the ledger.
    :ivar disagreements: where the rules, applied to the journal, would have it otherwise.
    :ivar entries: how many entries the journal has.
    """

    verdict: Verdict
    log: LogReport
    disagreements: list[Disagreement]
    entries: int

    @property
    def problems(self) -> list[str]:
        """Everything that is not as it must be, a line each."""
        found = [f"{each.kind.value}: {each.where}: {each.what}" for each in self.verdict.findings]
        found += [f"{each.kind.value}: {each.where}: {each.what}" for each in self.log.findings]
        found += [
            f"oracle: {each.user} {each.seq}: expected {each.expected}, got {each.got}"
            for each in self.disagreements
        ]
        return found


async def check_run(
    store: Store, audit_path: Path, history: Sequence[Exchange], *, in_order: bool = True
) -> CheckReport:
    """Read ledger and log, and compare everything; raises `StoreUnavailable`.

    :param in_order: each user had one client, which sent one command after the other.
    """
    state = await read_ledger(store)
    journal = {name: await _stream(store, name, last) for name, last in state.positions.items()}
    ledger = LedgerView(journal, state.positions, state.versions, state.balances)
    comparing: Deferred[CheckReport] = deferToThread(
        _compare, ledger, state, audit_path, history, in_order
    )
    return await comparing


async def _stream(store: Store, name: str, last_number: int) -> list[Entry]:
    entries: list[Entry] = []
    for number in range(0, last_number, _ENTRIES_AT_A_TIME):
        page = await store.entries_after(name, number, _ENTRIES_AT_A_TIME)
        entries += map(decode_entry, page)
    return entries


def _compare(
    ledger: LedgerView,
    state: LedgerState,
    audit_path: Path,
    history: Sequence[Exchange],
    in_order: bool,
) -> CheckReport:
    log: list[StoredEntry] = list(read_entries(audit_path))
    report = check_log(audit_path, state)
    entries = [entry for stream in ledger.journal.values() for entry in stream]
    return CheckReport(
        judge(history, ledger, log, in_order=in_order),
        report,
        check_history(_histories(entries, history, report)),
        len(entries),
    )


def _histories(
    entries: Iterable[Entry], history: Iterable[Exchange], log: LogReport
) -> Iterable[UserHistory]:
    """Each user's commands as the journal has them, for the oracle.

    Replies were compared with the journal already; here it tells also what a client never heard. A
    summary that was asked for again shows a later account, and so is told by the journal alone.
    """
    seen = {exchange.command_id: exchange for exchange in history}
    by_account: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.cause is Cause.COMMAND and entry.command_id in seen:
            by_account[account_name(entry.user)].append(entry)
    for account, own in by_account.items():
        if account:
            own.sort(key=_seq)
            yield _history(account, own, seen, log)


def _history(
    account: str, entries: list[Entry], seen: Mapping[bytes, Exchange], log: LogReport
) -> UserHistory:
    exchanges: list[tuple[Command, Reply]] = []
    unshown = set()
    for entry in entries:
        exchange = seen[entry.command_id]
        reply: Reply = reply_of(entry)
        if isinstance(exchange.command, DisplaySummary):
            if isinstance(exchange.reply, Summary) and exchange.sends == 1:
                reply = exchange.reply
            else:
                unshown.add(entry.seq)
        exchanges.append((exchange.command, reply))
    return UserHistory(account, exchanges, log.firings.get(account, []), frozenset(unshown))


def _seq(entry: Entry) -> int:
    return entry.seq
