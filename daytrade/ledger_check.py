"""The ledger against the audit log, beyond the sums: every journal row and every account.

Used by `daytrade audit verify` and by a restore. Constant memory but for the accounts themselves;
nobody may write to either meanwhile.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from audit.database import connect, unpack_entries
from audit.findings import Finding, FindingKind
from audit.reading import read_entries
from audit.records import is_hit_stream
from audit.replay import balance_of
from audit.security import is_security_stream
from audit.verify import LogCheck, verify_dumps
from daytrade.log_parts import LogParts
from ledger.account import Account
from ledger.entry import Cause, Entry, decode_entry
from ledger.redeciding import Contradiction, Redecider, differences
from ledger.store import Store
from protocol.fields import account_name

_ACCOUNTS_AT_A_TIME = 1_000
_EARLY_MAX = 10_000
"""Entries of one user that may wait for one before them; more, and that one is missing."""


async def compare_journal(store: Store, path: Path) -> AsyncIterator[Finding]:
    """Yield for each stream the first entry that the log and the journal do not have in common.

    Each is looked up by its command id too. Raises `StoreUnavailable`, `sqlite3.Error`.
    """
    for stream in sorted((await store.positions()).keys() | _ledger_streams(path)):
        number = 0
        for batch in _batches(path, stream):
            place = await _first_difference(store, stream, number, batch)
            if place is not None:
                what = f"entry {number + place + 1}"
                yield Finding(FindingKind.WRONG_JOURNAL, stream, what)
                break
            number += len(batch)


def _ledger_streams(path: Path) -> set[str]:
    with closing(connect(path)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM stream")}
    return {name for name in names if not is_hit_stream(name) and not is_security_stream(name)}


def _batches(path: Path, stream: str) -> Iterator[list[bytes]]:
    """Yield the entries of a stream by batches, for one that cannot be read an empty entry."""
    with closing(connect(path)) as connection:
        rows = connection.execute(
            "SELECT entries FROM batch WHERE stream = (SELECT id FROM stream WHERE name = ?)"
            " ORDER BY first_number",
            (stream,),
        )
        for (entries,) in rows:
            try:
                yield unpack_entries(entries)
            except ValueError:
                yield [b""]


async def _first_difference(
    store: Store, stream: str, number: int, logged: list[bytes]
) -> int | None:
    """The place of the first entry after `number` that the journal does not have as it is logged,
    or does not find by its command id.
    """
    journalled = await store.entries_after(stream, number, len(logged))
    for place, encoded in enumerate(logged):
        if journalled[place : place + 1] != [encoded]:
            return place
    entries = list(map(decode_entry, logged))
    by_id = await store.entries_by_id([entry.command_id for entry in entries])
    for place, entry in enumerate(entries):
        if by_id.get(entry.command_id) != entry:
            return place
    return None


async def all_accounts(store: Store) -> dict[str, Account]:
    """Every account of the ledger by its user; raises `StoreUnavailable`."""
    accounts: dict[str, Account] = {}
    page = await store.accounts_after("", _ACCOUNTS_AT_A_TIME)
    while page:
        accounts.update((account.user, account) for account in page)
        page = await store.accounts_after(page[-1].user, _ACCOUNTS_AT_A_TIME)
    return accounts


class AccountCheck:
    """Makes all decisions of a log again, and compares what comes of them with the ledger."""

    def __init__(self) -> None:
        self._histories: dict[str, _History] = {}

    def take(self, entry: Entry) -> None:
        """Look at the next entry; those of one user come about in the order of their numbers."""
        if entry.cause is not Cause.HIT:
            user = account_name(entry.user)
            history = self._histories.get(user)
            if history is None:
                history = self._histories[user] = _History(user)
            history.take(entry)

    def findings(self, accounts: Mapping[str, Account]) -> Iterator[Finding]:
        """Yield what the accounts have otherwise, once every entry was looked at."""
        # Commands of no account share an empty name, which is no account to be walked through.
        for user in sorted((self._histories.keys() | accounts.keys()) - {""}):
            history = self._histories.get(user, _History(user))
            stored = accounts.get(user, Account(user))
            what = history.contradiction or ", ".join(differences(stored, history.account))
            if what:
                yield Finding(FindingKind.WRONG_ACCOUNT, user, what)


def check_against_ledger(
    path: Path, positions: Mapping[str, int], accounts: Mapping[str, Account]
) -> tuple[list[Finding], int]:
    """Read the whole log twice, as entries and as XML, and compare it with the ledger; blocks.

    Returns what is wrong, and how many records the log has.
    """
    log, decisions = LogCheck(), AccountCheck()
    for stored in read_entries(path):
        log.take(stored)
        decisions.take(stored.entry)
    balances = {user: balance_of(account) for user, account in accounts.items()}
    findings = [*log.findings(positions, balances), *decisions.findings(accounts)]
    parts = LogParts(path)
    findings += verify_dumps(parts, {user: each.money for user, each in balances.items()})
    return findings, parts.records


class _History:
    """One account, redecided; entries that come before their turn wait for it.

    :ivar contradiction: why it could not be redecided to the end, else empty.
    """

    __slots__ = ("_early", "_expected_seq", "_redecider", "contradiction")

    def __init__(self, user: str) -> None:
        self._redecider = Redecider(user)
        self._expected_seq = 1
        self._early: dict[int, Entry] = {}
        self.contradiction = ""

    @property
    def account(self) -> Account:
        return self._redecider.account

    def take(self, entry: Entry) -> None:
        if self.contradiction:
            return
        self._early[entry.seq] = entry
        try:
            while following := self._early.pop(self._expected_seq, None):
                self._redecider.take(following)
                self._expected_seq += 1
        except (Contradiction, AssertionError) as contradiction:
            self.contradiction = str(contradiction)
        if len(self._early) > _EARLY_MAX:
            self.contradiction = f"entry {self._expected_seq} is missing"
        if self.contradiction:
            self._early.clear()
