"""Was every acknowledged command carried out exactly once? The client's history against the ledger
and the log.

Pure; used by the checker and by tests. It looks at three independent accounts of one run: what the
client saw, what the ledger's journal and accounts hold, and what the audit daemon stored. A run in
which nothing was lost, doubled, halved, reordered or made up gives no finding.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import zip_longest

from msgspec import Struct

from audit.reading import StoredEntry
from audit.records import is_hit_stream
from audit.replay import Balance
from generator.history import Exchange
from generator.result import Outcome
from ledger.entry import Cause, Entry, is_same_command, reply_of
from protocol.errors import Code
from protocol.fields import account_name
from protocol.messages import DisplaySummary, Error, Receipt, Refused, Summary

CLOCK_SKEW_MS = 2_000
"""How far the client's clock and the ledger's may be apart on one machine, a stall included."""


class Fault(StrEnum):
    """What can have gone wrong."""

    LOST = "an acknowledged command is not in the ledger"
    DOUBLED = "a command is in the ledger twice"
    ALTERED = "the ledger holds something else under a command's id"
    UNASKED = "the ledger holds a command that nobody sent"
    WRONG_REPLY = "the reply is not the one that the ledger holds"
    NOT_REFUSED = "a refused command changed something"
    OUT_OF_ORDER = "a user's commands were carried out in another order than they were sent"
    OUT_OF_TIME = "a command was decided before it was sent, or after it was answered"
    ENDED_TWICE = "an order lapsed, or a trigger fired, more than once"
    GAP = "a number is missing, or there twice"
    BELOW_ZERO = "money or shares were below zero"
    NOT_THE_SUM = "an account is not what the entries about it add up to"
    NOT_LOGGED = "the ledger and the log tell different entries under one number"


class Finding(Struct, frozen=True):
    """Something wrong; `where` is a user, stream or command, `what` the figures.

    :ivar command_id: the command that it is about, if it is about one.
    """

    kind: Fault
    where: str
    what: str
    command_id: bytes = b""


class LedgerView(Struct, frozen=True):
    """The ledger when nobody writes to it any more.

    :ivar journal: the entries of each stream in the order of their numbers.
    :ivar positions: how far each stream reaches.
    :ivar versions: the number of each account's newest entry.
    :ivar balances: what each account owns.
    """

    journal: Mapping[str, Sequence[Entry]]
    positions: Mapping[str, int]
    versions: Mapping[str, int]
    balances: Mapping[str, Balance]


class Verdict(Struct):
    """What the comparison showed.

    :ivar acknowledged: commands with a reply, refusals among them.
    :ivar unresolved: commands of which the client does not know what became of them.
    :ivar carried_out_unseen: those of them that the ledger holds, whole.
    """

    acknowledged: int = 0
    refused: int = 0
    unresolved: int = 0
    carried_out_unseen: int = 0
    fired: int = 0
    findings: list[Finding] = []

    @property
    def lost(self) -> int:
        """Acknowledged commands that the ledger has lost or changed."""
        return len(self.ids_lost)

    @property
    def ids_lost(self) -> set[bytes]:
        """The ids of acknowledged commands that the ledger has lost or changed."""
        kinds = (Fault.LOST, Fault.ALTERED, Fault.WRONG_REPLY)
        return {finding.command_id for finding in self.findings if finding.kind in kinds}

    @property
    def doubled(self) -> int:
        """Commands, firings and lapses that were carried out more than once."""
        fired_again = sum(finding.kind is Fault.ENDED_TWICE for finding in self.findings)
        return len(self.ids_doubled) + fired_again

    @property
    def ids_doubled(self) -> set[bytes]:
        """The ids of commands that were carried out more than once."""
        return {finding.command_id for finding in self.findings if finding.kind is Fault.DOUBLED}


def judge(
    history: Sequence[Exchange],
    ledger: LedgerView,
    log: Iterable[StoredEntry],
    *,
    in_order: bool = True,
) -> Verdict:
    """Compare the three; the history must be that of everybody who ever sent a command.

    :param in_order: each user had one client, which sent one command after the other; several
        clients of one account race, and what came first is for the ledger to say.
    """
    verdict = Verdict()
    entries = [entry for stream in ledger.journal.values() for entry in stream]
    by_id: dict[bytes, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_id[entry.command_id].append(entry)
    note = _Notes(verdict)
    _check_exchanges(history, by_id, verdict, note)
    _check_unasked(history, entries, note)
    if in_order:
        _check_order(history, by_id, note)
    _check_endings(entries, verdict, note)
    _check_accounts(entries, ledger, note)
    _check_streams(ledger, log, note)
    return verdict


class _Notes:
    """Adds findings to a verdict."""

    def __init__(self, verdict: Verdict) -> None:
        self._findings = verdict.findings

    def __call__(self, kind: Fault, where: str | Exchange, what: str) -> None:
        if isinstance(where, Exchange):
            self._findings.append(Finding(kind, _told(where), what, where.command_id))
        else:
            self._findings.append(Finding(kind, where, what))


def _told(exchange: Exchange) -> str:
    command = exchange.command
    return f"{command.NAME} {command.transaction_num} of {command.user or 'everybody'}"


def _check_exchanges(
    history: Sequence[Exchange], by_id: Mapping[bytes, list[Entry]], verdict: Verdict, note: _Notes
) -> None:
    """Each command by itself: there once, as it was sent, with the reply that the client has."""
    for exchange in history:
        found = by_id.get(exchange.command_id, [])
        if len(found) > 1:
            note(Fault.DOUBLED, exchange, f"{len(found)} entries")
        entry = found[0] if found else None
        if entry is not None and not is_same_command(entry, exchange.command):
            note(Fault.ALTERED, exchange, f"{entry.name} {entry.transaction_num}")
            continue
        if exchange.outcome is None or exchange.outcome is Outcome.UNKNOWN:
            verdict.unresolved += 1
            verdict.carried_out_unseen += entry is not None
            continue
        verdict.acknowledged += 1
        verdict.refused += exchange.outcome is Outcome.REFUSED
        _check_reply(exchange, entry, note)


def _check_reply(exchange: Exchange, entry: Entry | None, note: _Notes) -> None:
    reply = exchange.reply
    if isinstance(reply, Error):
        if entry is not None:
            note(Fault.WRONG_REPLY, exchange, "an Error, which never is in the ledger")
        return
    if entry is None:
        note(Fault.LOST, exchange, f"acknowledged as {reply!r}")
        return
    assert isinstance(reply, Receipt | Refused | Summary)
    if isinstance(exchange.command, DisplaySummary) and entry.code is Code.OK:
        matches = isinstance(reply, Summary) and reply.seq == entry.seq
    else:
        matches = reply == reply_of(entry)
    if not matches:
        note(Fault.WRONG_REPLY, exchange, f"{reply!r} for {reply_of(entry)!r}")
    early_ms = exchange.sent_ms - entry.decided_ms
    late_ms = entry.decided_ms - exchange.ended_ms
    if max(early_ms, late_ms) > CLOCK_SKEW_MS:
        note(Fault.OUT_OF_TIME, exchange, f"by {max(early_ms, late_ms)} ms")


def _check_unasked(history: Sequence[Exchange], entries: Iterable[Entry], note: _Notes) -> None:
    sent = {exchange.command_id for exchange in history}
    for entry in entries:
        where = f"{entry.name} {entry.transaction_num} of {entry.user}"
        if entry.cause is Cause.COMMAND and entry.command_id not in sent:
            note(Fault.UNASKED, where, entry.command_id.hex())
        if entry.code is not Code.OK and (entry.postings or entry.movements):
            note(Fault.NOT_REFUSED, where, f"{entry.postings} {entry.movements}")


def _check_order(
    history: Sequence[Exchange], by_id: Mapping[bytes, list[Entry]], note: _Notes
) -> None:
    """Each user's answered commands have numbers that rise in the order of sending."""
    newest: dict[str, int] = {}
    for exchange in history:
        found = by_id.get(exchange.command_id)
        if not found or not exchange.is_answered:
            continue
        account, seq = account_name(exchange.command.user), found[0].seq
        if account and seq < newest.get(account, 0):
            note(Fault.OUT_OF_ORDER, exchange, f"number {seq} after {newest[account]}")
        newest[account] = max(seq, newest.get(account, 0))


def _check_endings(entries: Iterable[Entry], verdict: Verdict, note: _Notes) -> None:
    """A trigger fires once, an order lapses once."""
    ended: Counter[tuple[Cause, bytes]] = Counter()
    for entry in entries:
        if entry.cause in (Cause.FIRING, Cause.LAPSE):
            verdict.fired += entry.cause is Cause.FIRING
            ended[entry.cause, entry.order_id] += 1
    for (cause, order_id), times in ended.items():
        if times > 1:
            note(Fault.ENDED_TWICE, f"{cause.name} of {order_id.hex()}", f"{times} times")


def _check_accounts(entries: Iterable[Entry], ledger: LedgerView, note: _Notes) -> None:
    """Each account is what its entries add up to, never below zero on the way."""
    by_account: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_account[account_name(entry.user)].append(entry)
    for account in sorted(by_account.keys() | ledger.versions.keys()):
        balance = Balance()
        for expected, entry in enumerate(sorted(by_account[account], key=_seq), 1):
            if entry.seq != expected:
                note(Fault.GAP, account, f"number {entry.seq} where {expected} should come")
                break
            balance.apply(entry)
            if lowest(balance) < 0:
                note(Fault.BELOW_ZERO, account, f"after number {entry.seq}: {balance}")
        # Commands of no account share an empty name, which is no account to be walked through.
        last = len(by_account[account])
        if account and ledger.versions.get(account, 0) != last:
            note(Fault.GAP, account, f"{last} entries, version {ledger.versions.get(account, 0)}")
        owned = ledger.balances.get(account, Balance())
        if lowest(owned) < 0:
            note(Fault.BELOW_ZERO, account, f"in the ledger: {owned}")
        if account and balance != owned:
            note(Fault.NOT_THE_SUM, account, f"entries {balance}, ledger {owned}")


def _seq(entry: Entry) -> int:
    return entry.seq


def lowest(balance: Balance) -> int:
    """The least of all that somebody owns, cents and shares alike."""
    money = balance.money
    shares = (*balance.holdings.values(), *balance.reserved_shares.values())
    return min(money.cash_cents, money.reserve_cents, *shares)


def _check_streams(ledger: LedgerView, log: Iterable[StoredEntry], note: _Notes) -> None:
    """The log tells each entry of the journal under its number, and no other."""
    logged: dict[str, dict[int, Entry]] = defaultdict(dict)
    for stored in log:
        if not is_hit_stream(stored.stream):
            if stored.number in logged[stored.stream]:
                note(Fault.GAP, stored.stream, f"number {stored.number} is in the log twice")
            logged[stored.stream][stored.number] = stored.entry
    for stream in sorted(logged.keys() | ledger.journal.keys() | ledger.positions.keys()):
        journal = ledger.journal.get(stream, ())
        last = ledger.positions.get(stream, 0)
        if len(journal) != last:
            note(Fault.GAP, stream, f"{len(journal)} entries where {last} should be")
        told = [logged[stream].get(number) for number in range(1, last + 1)]
        for number, (entry, copy) in enumerate(zip_longest(journal, told), 1):
            if entry != copy:
                note(Fault.NOT_LOGGED, stream, f"number {number}")
        for number in logged[stream].keys() - set(range(1, last + 1)):
            note(Fault.NOT_LOGGED, stream, f"number {number} is in the log alone")
