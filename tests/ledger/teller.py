"""A teller does with a store what a trading node does: load accounts, decide, commit.

Only tests import this. Invariant: every command gets an id of its own, and what is written follows
from the real rules.
"""

import struct
from collections.abc import Sequence
from itertools import count

from ledger import rules
from ledger.account import Account, Side
from ledger.entry import Entry, decode_entry
from ledger.store import Store, Stream
from ledger.writes import AccountWrite
from protocol.messages import COMMANDS, Command
from protocol.quote import Quote

START_MS = 1_700_000_000_000


class Teller:
    """The writer of one stream, with a time of its own."""

    def __init__(self, store: Store, stream: Stream) -> None:
        self.store = store
        self.stream = stream
        self.now_ms = START_MS
        self._numbers = count(1)

    @classmethod
    async def open(cls, store: Store, name: str = "node-1") -> "Teller":
        """Become the writer of the stream of this name."""
        return cls(store, await store.open_stream(name))

    async def load(self, *users: str) -> list[AccountWrite]:
        """Load accounts, ready for decisions."""
        accounts = await self.store.load(users)
        return [AccountWrite(accounts[user], accounts[user].seq) for user in users]

    def decide(
        self,
        write: AccountWrite,
        name: str,
        *arguments: str | int,
        price: int = 0,
        command_id: bytes | None = None,
    ) -> Entry:
        """Decide a command, accepted or not, and let it join the write."""
        number = next(self._numbers)
        own_id = struct.pack(">IIQ", self.stream.key, self.stream.epoch, number)
        command = COMMANDS[name](write.account.user, number, *arguments)
        return self.take(write, command, price=price, command_id=command_id or own_id)

    def take(
        self, write: AccountWrite, command: Command, *, price: int = 0, command_id: bytes
    ) -> Entry:
        """Decide a command that was made elsewhere."""
        symbol = str(getattr(command, "symbol", "")).upper()
        quote = Quote(symbol, price, self.now_ms, "key=", command.user) if price else None
        for lapsed in rules.lapse(write.account, self.now_ms):
            write.add(lapsed)
        entry = rules.decide(write.account, command, command_id, self.now_ms, quote)
        assert entry is not None, f"{command.NAME} wants a price"
        write.add(entry)
        return entry

    def fire(self, write: AccountWrite, side: Side, symbol: str, price: int) -> Entry:
        """Let a trigger fire, and let the firing join the write."""
        quote = Quote(symbol, price, self.now_ms, "key=", write.account.user)
        entry = rules.fire(write.account, side, symbol, quote, self.now_ms)
        assert entry is not None, f"the {side} trigger for {symbol} stays armed"
        write.add(entry)
        return entry

    async def commit(self, *writes: AccountWrite) -> None:
        """Commit, and expect no conflict."""
        before = self.stream.last_number
        committed = await self.store.commit(self.stream, writes)
        assert committed.conflicted == frozenset()
        written = await self.store.entries_after(self.stream.name, before, len(committed.encoded))
        assert committed.encoded == written

    async def run(self, user: str, name: str, *arguments: str | int, price: int = 0) -> Entry:
        """Load, decide and commit one command."""
        (write,) = await self.load(user)
        entry = self.decide(write, name, *arguments, price=price)
        await self.commit(write)
        return entry

    async def open_account(self, user: str, cash_cents: int = 1_000, **shares: int) -> None:
        """Let a user have this cash and these shares by symbol."""
        (write,) = await self.load(user)
        for symbol, number in shares.items():
            self.decide(write, "ADD", number)
            self.decide(write, "BUY", symbol, number, price=1)
            self.decide(write, "COMMIT_BUY")
        self.decide(write, "ADD", cash_cents)
        await self.commit(write)

    async def numbers(self) -> tuple[int, int]:
        """The last number of the stream as the stream knows it, and as the store does."""
        positions = await self.store.positions()
        return self.stream.last_number, positions[self.stream.name].last_number


def state_of(account: Account) -> dict[str, object]:
    """All of an account as a store keeps it: a holding of nothing is no holding."""
    state = {name: getattr(account, name) for name in Account.__slots__}
    state["holdings"] = {symbol: shares for symbol, shares in account.holdings.items() if shares}
    return state


async def stored_state(store: Store, user: str) -> dict[str, object]:
    """All that is stored of an account, as it is stored."""
    account = (await store.load([user]))[user]
    return {name: getattr(account, name) for name in Account.__slots__}


def entries_in(write: AccountWrite) -> list[Entry]:
    """The entries that a write will bring into the journal, oldest first."""
    return [decode_entry(line.encoded) for line in write.lines]


async def entries_of(store: Store, user: str) -> Sequence[Entry]:
    """The user's whole journal, oldest first."""
    return (await store.history(user, 0, 10_000))[::-1]
