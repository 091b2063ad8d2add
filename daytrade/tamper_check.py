"""Was anything changed? The log's file, its signed heads, the journal and the ledger, all together.

Used by `daytrade audit verify`. The file's own chain comes first, because nothing that is read from
a file whose rows were changed proves anything about the rest.
"""

from pathlib import Path

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from audit.chain_check import check_chain, check_heads
from audit.findings import Finding, FindingKind
from audit.heads import HeadBook, HeadKey, HeadKeyError
from audit.postgres_heads import PostgresHeads
from audit.reading import read_identity, read_last_link
from audit.store import RunInThread
from daytrade.data_directory import DataDirectory
from daytrade.ledger_check import all_accounts, check_against_ledger, compare_journal
from daytrade.stack_services import audit_path, head_key_path
from ledger.store import Store

_HEADS_AT_A_TIME = 10_000


class Verdict(Struct):
    """What was found, and what was looked at.

    :ivar findings: the first of each cause names the first record that is wrong.
    :ivar heads: signed heads of this log; `signed_row` is the newest row that they cover.
    """

    findings: list[Finding]
    entries: int = 0
    records: int = 0
    users: int = 0
    rows: int = 0
    heads: int = 0
    signed_row: int = 0


async def verify_stack(
    reactor: IReactorTime,
    in_thread: RunInThread,
    store: Store,
    dsn: str,
    directory: DataDirectory,
) -> Verdict:
    """Verify the stopped stack of a directory, whose database answers at `dsn`.

    Raises `StoreUnavailable`.
    """
    book = PostgresHeads(reactor, dsn)
    try:
        return await verify(in_thread, store, book, head_key_path(directory), audit_path(directory))
    finally:
        book.close()


async def verify(
    in_thread: RunInThread, store: Store, book: HeadBook, key_path: Path, path: Path
) -> Verdict:
    """Verify one log; see `verify_stack`."""
    verdict = Verdict(await in_thread(lambda: check_chain(path)))
    wrong = {finding.kind for finding in verdict.findings}
    if FindingKind.DAMAGED_FILE in wrong:
        return verdict
    if FindingKind.BROKEN_CHAIN not in wrong:
        await _check_heads(verdict, book, key_path, path)
    # Where a whole batch is wrong, the journal tells which of its entries is.
    verdict.findings += [finding async for finding in compare_journal(store, path)]
    if not wrong:
        await _check_ledger(in_thread, verdict, store, path)
    return verdict


async def _check_heads(verdict: Verdict, book: HeadBook, key_path: Path, path: Path) -> None:
    identity = read_identity(path)
    verdict.rows = read_last_link(path).number
    try:
        key = HeadKey.read(key_path)
    except HeadKeyError as error:
        verdict.findings.append(Finding(FindingKind.WRONG_HEAD, "the key", str(error)))
        return
    newest = await book.newest()
    if newest is not None and newest.head.log_id not in (identity.log_id, identity.predecessor):
        what = "the newest head is of another log: the file was exchanged"
        verdict.findings.append(Finding(FindingKind.WRONG_HEAD, "the log", what))
    elif newest is None and verdict.rows:
        what = "no row was ever signed, or all heads were removed"
        verdict.findings.append(Finding(FindingKind.WRONG_HEAD, "the log", what))
    heads = await book.heads_after(identity.log_id, 0, _HEADS_AT_A_TIME)
    while heads:
        verdict.findings += check_heads(path, key, heads)
        verdict.heads += len(heads)
        verdict.signed_row = heads[-1].head.link.number
        heads = await book.heads_after(identity.log_id, verdict.signed_row, _HEADS_AT_A_TIME)


async def _check_ledger(in_thread: RunInThread, verdict: Verdict, store: Store, path: Path) -> None:
    positions = {name: each.last_number for name, each in (await store.positions()).items()}
    accounts = await all_accounts(store)
    found, verdict.records = await in_thread(
        lambda: check_against_ledger(path, positions, accounts)
    )
    verdict.findings += found
    verdict.entries = sum(positions.values())
    verdict.users = len(accounts)
