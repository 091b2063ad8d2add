"""Journals for the tests of `audit`: what the ledger's own rules decide about a few users.

For this folder's tests only. Entries come in the order of their numbers in one stream, and prices
are kept for a minute, as a quote cache would, so that entries share hits.
"""

from random import Random

from hypothesis import strategies as st
from msgspec import Struct

from audit.reading import StoredEntry
from audit.replay import Balance, balance_of
from ledger import rules
from ledger.account import Account, Side
from ledger.entry import Cause, Entry, encode_entry
from protocol.messages import COMMANDS, Add, AmountCommand, DumpLog, SymbolCommand
from protocol.quote import QUOTE_TTL_MS, Quote

START_MS = 1_700_000_000_000
USERS = ("ann", "bob", "cid")
SYMBOLS = ("A", "BCD", "x", "LONG")


class Step(Struct, frozen=True):
    """One thing that happens: time passes, a command is decided, and a price may fire triggers."""

    pause_ms: int
    user: str
    command: str
    symbol: str
    amount_cents: int


steps = st.builds(
    Step,
    st.sampled_from([0, 0, 1, 500, 20_000, 61_000]),
    st.sampled_from([*USERS, "bad name", ""]),
    st.sampled_from(sorted(COMMANDS)),
    st.sampled_from(SYMBOLS),
    st.sampled_from([-5, 0, 1, 99, 1_000, 20_000, 100_000, 100_000]),
)


def random_step(random: Random) -> Step:
    """A step from a seeded source, mostly of commands that are carried out."""
    return Step(
        random.choice([0, 0, 1, 5, 900]),
        random.choice(USERS),
        random.choice(sorted(COMMANDS)),
        random.choice(SYMBOLS),
        random.choice([-5, 900, 5_000, 20_000, 500_000]),
    )


class Journal:
    """Decides step after step, and keeps what was decided."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.entries: list[Entry] = []
        self._quotes: dict[str, Quote] = {}
        self._now_ms = START_MS

    def take(self, step: Step) -> None:
        """Let one step happen."""
        self._now_ms += step.pause_ms
        transaction_num = len(self.entries) + 1
        account = self.accounts.setdefault(step.user, Account(step.user))
        self.entries += rules.lapse(account, self._now_ms)
        kind = COMMANDS[step.command]
        arguments: list[str | int] = []
        if issubclass(kind, SymbolCommand):
            arguments.append(step.symbol)
        if issubclass(kind, AmountCommand | Add):
            arguments.append(step.amount_cents)
        if kind is DumpLog:
            arguments.append("./log")
        command = kind(step.user, transaction_num, *arguments)
        quote = self._quote(step)
        command_id = transaction_num.to_bytes(16, "big")
        entry = rules.decide(account, command, command_id, self._now_ms, quote)
        assert entry is not None
        self.entries.append(entry)
        for side in Side:
            fired = rules.fire(account, side, quote.symbol, quote, self._now_ms)
            if fired is not None:
                self.entries.append(fired)
        account.last_id = self.entries[-1].command_id

    def _quote(self, step: Step) -> Quote:
        symbol = step.symbol.upper()
        known = self._quotes.get(symbol)
        if known is None or self._now_ms - known.quoted_ms > QUOTE_TTL_MS:
            price_cents = 500 + self._now_ms % 700
            known = Quote(
                symbol, price_cents, self._now_ms, f"{symbol}+/{self._now_ms}=", step.user
            )
            self._quotes[symbol] = known
        return known

    @property
    def encoded(self) -> list[bytes]:
        """The entries as they travel."""
        return [encode_entry(entry) for entry in self.entries]

    @property
    def ledger(self) -> dict[str, Balance]:
        """What everybody owns by the ledger."""
        return {user: balance_of(account) for user, account in self.accounts.items()}

    def stored(self, stream: str = "node-1/0") -> list[StoredEntry]:
        """The entries as a log would hold them, each hit borne by the first that carries it."""
        told = set()
        stored = []
        for number, entry in enumerate(self.entries, 1):
            hit = entry.quote
            stored.append(StoredEntry(stream, number, entry, hit is not None and hit not in told))
            told.add(hit)
        return stored


def journal(seed: int, count: int) -> Journal:
    """A journal of `count` steps that is the same each time."""
    random = Random(seed)
    made = Journal()
    for _ in range(count):
        made.take(random_step(random))
    return made


def plain_entry(number: int, user: str = "ann", decided_ms: int = START_MS) -> Entry:
    """An entry that says nothing but its number: a DISPLAY_SUMMARY."""
    kind = COMMANDS["DISPLAY_SUMMARY"].KIND
    return Entry(user, number, number.to_bytes(16, "big"), kind, Cause.COMMAND, number, decided_ms)


def plain_entries(first: int, last: int, user: str = "ann") -> list[bytes]:
    """Encoded plain entries with these numbers."""
    return [encode_entry(plain_entry(number, user)) for number in range(first, last + 1)]
