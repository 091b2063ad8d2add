"""The ledger's storage in memory, for tests and simulations: the twin of the Postgres store.

It keeps the same contract (`tests/ledger/store_contract.py`). Several stores may share one
`MemoryLedger`, as several nodes share one Postgres.
"""

import copy
from collections.abc import Callable, Mapping, Sequence

from ledger.account import Account, Side, TriggerName
from ledger.entry import Entry, decode_entry
from ledger.store import (
    AccountsAnnounced,
    ArmedTrigger,
    CommandKnown,
    Committed,
    Fenced,
    Position,
    Stream,
)
from ledger.writes import AccountWrite, in_decision_order
from protocol.authentication import Verifier


class MemoryLedger:
    """What is stored: shared by all stores that are given it."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.accounts: dict[str, Account] = {}
        self.journal: dict[bytes, bytes] = {}
        self.user_entries: dict[str, list[Entry]] = {}
        self.streams: dict[str, Stream] = {}
        self.stream_entries: dict[str, list[bytes]] = {}
        self.verifiers: dict[str, Verifier] = {}
        self.leases: dict[str, tuple[str, int]] = {}
        self.armed_listeners: list[Callable[[Sequence[TriggerName]], None]] = []
        self.account_listeners: list[MemorySubscription] = []


class MemorySubscription:
    """Somebody who listens to what is announced of accounts, until it is closed."""

    def __init__(self, listener: Callable[[AccountsAnnounced], None]) -> None:
        self.listener = listener
        self.is_closed = False


class MemoryStore:
    """See `ledger.store.Store` for what each method promises."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger

    async def now_ms(self) -> int:
        return self._ledger.now_ms()

    async def open_stream(self, name: str) -> Stream:
        streams = self._ledger.streams
        stored = streams.setdefault(name, Stream(name, len(streams) + 1, 0, 0, 0))
        stored.epoch += 1
        return copy.copy(stored)

    async def load(self, users: Sequence[str]) -> dict[str, Account]:
        return {user: self._copy_of(user) for user in users}

    def _copy_of(self, user: str) -> Account:
        stored = self._ledger.accounts.get(user)
        return Account(user) if stored is None else copy_account(stored)

    async def commit(self, stream: Stream, writes: Sequence[AccountWrite]) -> Committed:
        self._check_epoch(stream)
        conflicted = {
            write.account.user for write in writes if self._seq(write) != write.expected_seq
        }
        fresh = [write for write in writes if write.account.user not in conflicted]
        ids = [line.command_id for write in fresh for line in write.lines]
        if len(set(ids)) < len(ids) or any(known in self._ledger.journal for known in ids):
            raise CommandKnown
        return Committed(frozenset(conflicted), self._write(stream, fresh))

    def _seq(self, write: AccountWrite) -> int:
        stored = self._ledger.accounts.get(write.account.user)
        return 0 if stored is None else stored.seq

    def _check_epoch(self, stream: Stream) -> None:
        if self._ledger.streams[stream.name].epoch != stream.epoch:
            raise Fenced(stream.name)

    def _write(self, stream: Stream, writes: Sequence[AccountWrite]) -> list[bytes]:
        ledger = self._ledger
        for write in writes:
            account = copy_account(write.account)
            account.holdings = {symbol: n for symbol, n in account.holdings.items() if n}
            ledger.accounts[account.user] = account
        lines = in_decision_order(writes)
        for line in lines:
            ledger.journal[line.command_id] = line.encoded
            ledger.user_entries.setdefault(line.user, []).append(decode_entry(line.encoded))
            ledger.stream_entries.setdefault(stream.name, []).append(line.encoded)
        stream.advance(lines)
        stored = ledger.streams[stream.name]
        stored.last_number, stored.last_ms = stream.last_number, stream.last_ms
        return [line.encoded for line in lines]

    async def settle(
        self,
        stream: Stream,
        users: Sequence[str],
        decide: Callable[[Account], list[Entry]],
    ) -> list[bytes]:
        self._check_epoch(stream)
        writes = []
        for user in sorted(set(users)):
            account = self._copy_of(user)
            write = AccountWrite(account, account.seq)
            for entry in decide(account):
                write.add(entry)
            if account.seq:
                writes.append(write)
        if any(line.command_id in self._ledger.journal for write in writes for line in write.lines):
            raise CommandKnown
        return self._write(stream, writes)

    async def entries_by_id(self, command_ids: Sequence[bytes]) -> dict[bytes, Entry]:
        journal = self._ledger.journal
        return {known: decode_entry(journal[known]) for known in command_ids if known in journal}

    async def place_of(self, command_id: bytes) -> tuple[str, int] | None:
        for stream, entries in self._ledger.stream_entries.items():
            for number, encoded in enumerate(entries, 1):
                if decode_entry(encoded).command_id == command_id:
                    return stream, number
        return None

    async def history(self, user: str, before_seq: int, limit: int) -> list[Entry]:
        entries = self._ledger.user_entries.get(user, [])
        wanted = [entry for entry in entries if not before_seq or entry.seq < before_seq]
        return wanted[::-1][:limit]

    async def entries_after(self, stream: str, number: int, limit: int) -> list[bytes]:
        return self._ledger.stream_entries.get(stream, [])[number : number + limit]

    async def positions(self) -> dict[str, Position]:
        streams = self._ledger.streams.values()
        return {stream.name: Position(stream.last_number, stream.last_ms) for stream in streams}

    async def overdue(self, now_ms: int, limit: int) -> list[str]:
        due = [
            (account.lapse_check_ms, account.user)
            for account in self._ledger.accounts.values()
            if 0 < account.lapse_check_ms <= now_ms
        ]
        return [user for _, user in sorted(due)[:limit]]

    async def armed(self, triggers: Sequence[TriggerName] | None = None) -> list[ArmedTrigger]:
        found = []
        for user, account in self._ledger.accounts.items():
            for side in Side:
                for symbol, trigger in account.triggers(side).items():
                    wanted = triggers is None or TriggerName(user, side, symbol) in triggers
                    if wanted and trigger.is_armed:
                        found.append(
                            ArmedTrigger(
                                symbol,
                                side,
                                trigger.price_cents,
                                user,
                                trigger.armed_ms,
                                trigger.transaction_num,
                            )
                        )
        return found

    async def armed_since(self, since_ms: int) -> list[ArmedTrigger]:
        return [trigger for trigger in await self.armed() if trigger.armed_ms >= since_ms]

    async def announce_armed(self, triggers: Sequence[TriggerName]) -> None:
        for listener in self._ledger.armed_listeners:
            listener(triggers)

    async def announce_changed(self, by: str, seqs: Mapping[str, int]) -> None:
        self._announce(AccountsAnnounced(by, dict(seqs), []))

    async def announce_watched(self, by: str, users: Sequence[str]) -> None:
        self._announce(AccountsAnnounced(by, {}, list(users)))

    def _announce(self, announced: AccountsAnnounced) -> None:
        for subscription in self._ledger.account_listeners:
            if not subscription.is_closed:
                subscription.listener(announced)

    async def listen_accounts(
        self, listener: Callable[[AccountsAnnounced], None]
    ) -> "MemorySubscription":
        subscription = MemorySubscription(listener)
        self._ledger.account_listeners.append(subscription)
        return subscription

    async def seqs(self, users: Sequence[str]) -> dict[str, int]:
        accounts = self._ledger.accounts
        return {user: accounts[user].seq for user in users if user in accounts}

    async def claim_lease(self, name: str, holder: str, ttl_ms: int) -> bool:
        now_ms = self._ledger.now_ms()
        held_by, renewed_ms = self._ledger.leases.get(name, (holder, now_ms))
        if held_by != holder and now_ms - renewed_ms <= ttl_ms:
            return False
        self._ledger.leases[name] = holder, now_ms
        return True

    async def accounts_after(self, user: str, limit: int) -> list[Account]:
        users = sorted(known for known in self._ledger.accounts if known > user)[:limit]
        return [self._copy_of(known) for known in users]

    async def verifier_for(self, name: str) -> Verifier | None:
        return self._ledger.verifiers.get(name)

    async def put_verifier(self, name: str, verifier: Verifier) -> None:
        self._ledger.verifiers[name] = verifier


def copy_account(account: Account) -> Account:
    """A copy that shares nothing that can change."""
    twin = Account(account.user)
    for name in Account.__slots__:
        value = getattr(account, name)
        setattr(twin, name, copy.copy(value) if isinstance(value, dict | list) else value)
    return twin
