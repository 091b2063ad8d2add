"""The log against itself, against the schema and against the ledger.

May be imported by everyone above `ledger`; blocks while it reads. A log that is whole and true
gives no finding, and every finding names what is wrong.
"""

from collections.abc import Iterable, Mapping
from typing import IO

from audit.findings import Finding, FindingKind
from audit.reading import StoredEntry
from audit.replay import Balance, Money, replay_records
from audit.schema import load_schema
from audit.xml import InvalidLog, read_records
from ledger.entry import Cause
from protocol.errors import TradeError
from protocol.fields import account_name
from protocol.money import format_cents


class _Numbers:
    """Watches that numbers come without gaps, each once; they may come somewhat out of order."""

    __slots__ = ("_early", "expected")

    def __init__(self) -> None:
        self.expected = 1
        self._early: set[int] = set()

    def take(self, number: int) -> bool:
        """Take a number; False if it came before."""
        if number < self.expected or number in self._early:
            return False
        self._early.add(number)
        while self.expected in self._early:
            self._early.remove(self.expected)
            self.expected += 1
        return True

    @property
    def has_gap(self) -> bool:
        """Whether a number is missing before one that came."""
        return bool(self._early)


class LogCheck:
    """Looks at the entries of a whole log, one after the other, and remembers what is wrong."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self._positions: dict[str, int] = {}
        self._newest_ms: dict[str, int] = {}
        self._seqs: dict[str, _Numbers] = {}
        self._hits: dict[tuple[str, int, str], int] = {}
        self._balances: dict[str, Balance] = {}

    def take(self, stored: StoredEntry) -> None:
        """Look at the next entry; those of one stream come in the order of their numbers."""
        entry = stored.entry
        self._check_place(stored)
        if entry.cause is not Cause.HIT:
            self._check_seq(account_name(entry.user), entry.seq)
        if entry.quote is not None:
            hit = (entry.quote.symbol, entry.quote.quoted_ms, entry.quote.cryptokey)
            self._hits[hit] = self._hits.get(hit, 0) + stored.bears_hit
        self._balances.setdefault(entry.user, Balance()).apply(entry)

    def findings(
        self, positions: Mapping[str, int], ledger: Mapping[str, Balance]
    ) -> list[Finding]:
        """All that is wrong, once every entry was looked at.

        :param positions: how far each stream must reach.
        :param ledger: what each user owns by the ledger; who is not in it owns nothing.
        """
        for stream, last_number in positions.items():
            if self._positions.get(stream, 0) < last_number:
                self._find(FindingKind.MISSING_ENTRY, stream, f"it should reach {last_number}")
        for user, numbers in self._seqs.items():
            if numbers.has_gap:
                self._find(FindingKind.MISSING_DECISION, user, f"number {numbers.expected}")
        for (symbol, quoted_ms, _), told in self._hits.items():
            if told != 1:
                self._find(FindingKind.WRONG_HIT, f"{symbol} at {quoted_ms}", f"told {told} times")
        self._compare(ledger)
        return self._findings

    def _check_seq(self, account: str, seq: int) -> None:
        if not self._seqs.setdefault(account, _Numbers()).take(seq):
            self._find(FindingKind.DOUBLED_DECISION, account, f"number {seq}")

    def _check_place(self, stored: StoredEntry) -> None:
        stream, number = stored.stream, stored.number
        expected = self._positions.get(stream, 0) + 1
        if number != expected:
            what = f"{number} comes where {expected} should"
            self._find(FindingKind.MISSING_ENTRY, stream, what)
        self._positions[stream] = number
        newest_ms = self._newest_ms.get(stream, 0)
        if stored.entry.decided_ms < newest_ms:
            what = f"entry {number}, by {newest_ms - stored.entry.decided_ms} ms"
            self._find(FindingKind.TIME_WENT_BACK, stream, what)
        self._newest_ms[stream] = max(newest_ms, stored.entry.decided_ms)

    def _compare(self, ledger: Mapping[str, Balance]) -> None:
        for user in sorted(self._balances.keys() | ledger.keys()):
            logged = self._balances.get(user, Balance())
            owned = ledger.get(user, Balance())
            if logged.money != owned.money:
                self._findings.append(_wrong_money(user, logged.money, owned.money))
            logged_shares = (logged.holdings, logged.reserved_shares)
            owned_shares = (owned.holdings, owned.reserved_shares)
            if logged_shares != owned_shares:
                what = f"free and reserved: log {logged_shares}, ledger {owned_shares}"
                self._find(FindingKind.WRONG_SHARES, user, what)

    def _find(self, kind: FindingKind, where: str, what: str) -> None:
        self._findings.append(Finding(kind, where, what))


def verify_entries(
    entries: Iterable[StoredEntry], positions: Mapping[str, int], ledger: Mapping[str, Balance]
) -> list[Finding]:
    """Check the entries of a whole log; see `LogCheck.findings`."""
    check = LogCheck()
    for stored in entries:
        check.take(stored)
    return check.findings(positions, ledger)


def verify_dumps(sources: Iterable[IO[bytes] | str], ledger: Mapping[str, Money]) -> list[Finding]:
    """Check the XML of a whole log: valid by the schema, and its money that of the ledger.

    It may come as several documents, one after the other.
    """
    schema = load_schema()
    logged: dict[str, Money] = {}
    for source in sources:
        try:
            replay_records(read_records(source, schema), logged)
        except (InvalidLog, TradeError, KeyError) as error:
            return [Finding(FindingKind.INVALID_XML, "the dump", str(error))]
    return [
        _wrong_money(user, logged.get(user, Money()), ledger.get(user, Money()))
        for user in sorted(logged.keys() | ledger.keys())
        if logged.get(user, Money()) != ledger.get(user, Money())
    ]


def _wrong_money(user: str, logged: Money, owned: Money) -> Finding:
    def told(money: Money) -> str:
        return f"cash {format_cents(money.cash_cents)} reserve {format_cents(money.reserve_cents)}"

    return Finding(FindingKind.WRONG_MONEY, user, f"log {told(logged)}, ledger {told(owned)}")
