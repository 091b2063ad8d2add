"""Where accounts and the journal live: the interface that nodes and the trigger service use.

May be imported by everything above `ledger`. Two implementations keep one contract: Postgres
(`ledger.postgres.store`) and a twin in memory (`ledger.memory_store`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from ledger.account import Account, Side, TriggerName
from ledger.entry import Entry
from ledger.writes import AccountWrite, JournalLine
from protocol.authentication import Verifier
from protocol.errors import Code, TradeError


class StoreUnavailable(TradeError):
    """The store did not take the question; nothing was changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(Code.STORE_UNAVAILABLE, f"the ledger cannot be reached: {reason}")


class OutcomeUnknown(Exception):
    """The store fell silent during a write: only the journal knows whether it was carried out."""


class Fenced(Exception):
    """Somebody else has opened our stream since: we are the old one, and may write nothing."""


class CommandKnown(Exception):
    """The journal holds one of these command ids already; nothing was changed."""


class Stream:
    """A numbered sequence of journal entries with one writer at a time.

    :ivar epoch: grows with each opening; an older one cannot write any more.
    :ivar last_number: the number of the newest entry.
    :ivar last_ms: when that entry was decided.
    """

    __slots__ = ("epoch", "key", "last_ms", "last_number", "name")

    def __init__(self, name: str, key: int, epoch: int, last_number: int, last_ms: int) -> None:
        self.name = name
        self.key = key
        self.epoch = epoch
        self.last_number = last_number
        self.last_ms = last_ms

    def advance(self, lines: Sequence[JournalLine]) -> None:
        """Count journal lines, in the order of their numbers, that have been written."""
        if lines:
            self.last_number += len(lines)
            self.last_ms = max(self.last_ms, lines[-1].decided_ms)


class ArmedTrigger(Struct, frozen=True, gc=False, order=True):
    """A trigger that a price can make fire, as the trigger service needs to know it."""

    symbol: str
    side: Side
    price_cents: int
    user: str
    armed_ms: int
    transaction_num: int


class AccountsAnnounced(Struct, frozen=True, gc=False):
    """What a process says of accounts to those who listen.

    :ivar by: who says it.
    :ivar changed: users, with the number of their newest entry.
    :ivar watched: users whose changes that node wants to hear of for some seconds.
    """

    by: str
    changed: dict[str, int]
    watched: list[str]


class Listening(Protocol):
    """A subscription to announcements."""

    @property
    def is_closed(self) -> bool:
        """It has ended: announcements are missed."""


class Position(Struct, frozen=True, gc=False):
    """How far a stream has come."""

    last_number: int
    last_ms: int


class Committed(Struct, frozen=True, gc=False):
    """What became of a batch.

    :ivar conflicted: the users whose stored version was not the expected one: nothing was written
        for them.
    :ivar encoded: the entries that were journalled, in the order of their numbers.
    """

    conflicted: frozenset[str]
    encoded: list[bytes]


class Store(Protocol):
    """The ledger's storage. Every method may raise `StoreUnavailable`."""

    async def now_ms(self) -> int:
        """The store's time, Unix ms: the one clock that all nodes share."""

    async def open_stream(self, name: str) -> Stream:
        """Become the one writer of a stream; whoever had it open is fenced."""

    async def load(self, users: Sequence[str]) -> dict[str, Account]:
        """Read accounts; a user of whom nothing is stored gets an empty one."""

    async def commit(self, stream: Stream, writes: Sequence[AccountWrite]) -> Committed:
        """Write a batch, whole and durable, and advance the stream.

        The writes come in order of user, one for each. Raises `CommandKnown`, `Fenced`,
        `OutcomeUnknown`.
        """

    async def settle(
        self,
        stream: Stream,
        users: Sequence[str],
        decide: Callable[[Account], list[Entry]],
    ) -> list[bytes]:
        """Let `decide` change accounts as they are stored now, and write what it decided.

        Never refused for a version: where another writer comes between, `decide` is asked again, of
        an account that is locked. What is decided about one account is written whole. Returns the
        encoded entries in the order of their numbers. Raises `Fenced`, `OutcomeUnknown`.
        """

    async def entries_by_id(self, command_ids: Sequence[bytes]) -> dict[bytes, Entry]:
        """The journal entries of these commands, as far as there are any."""

    async def place_of(self, command_id: bytes) -> tuple[str, int] | None:
        """The stream and the number of a command's journal entry, if there is one."""

    async def history(self, user: str, before_seq: int, limit: int) -> list[Entry]:
        """A user's entries with a number below `before_seq` (0: the newest), newest first."""

    async def entries_after(self, stream: str, number: int, limit: int) -> list[bytes]:
        """Encoded entries of a stream from `number + 1` on, in order, without gaps."""

    async def positions(self) -> dict[str, Position]:
        """How far each stream has come."""

    async def overdue(self, now_ms: int, limit: int) -> list[str]:
        """Users with pending orders to look at for lapsing."""

    async def armed(self, triggers: Sequence[TriggerName] | None = None) -> list[ArmedTrigger]:
        """All armed triggers, or those of these that are armed."""

    async def armed_since(self, since_ms: int) -> list[ArmedTrigger]:
        """The armed triggers of which arming was decided at this time, Unix ms, or later."""

    async def announce_armed(self, triggers: Sequence[TriggerName]) -> None:
        """Tell the trigger services that these triggers changed; it may get lost."""

    async def announce_changed(self, by: str, seqs: Mapping[str, int]) -> None:
        """Tell the nodes of users' newest entries; it may get lost."""

    async def announce_watched(self, by: str, users: Sequence[str]) -> None:
        """Ask the other nodes to announce what they write for these users; it may get lost."""

    async def listen_accounts(self, listener: Callable[[AccountsAnnounced], None]) -> Listening:
        """Call `listener` with what is announced of accounts, by oneself too."""

    async def seqs(self, users: Sequence[str]) -> dict[str, int]:
        """The number of each user's newest entry; users without one are left out."""

    async def claim_lease(self, name: str, holder: str, ttl_ms: int) -> bool:
        """Become or stay the holder of a lease; False while another holder's is not run out.

        A lease runs out `ttl_ms` after its last claim, by the store's clock.
        """

    async def accounts_after(self, user: str, limit: int) -> list[Account]:
        """Accounts whose user comes after `user`, in order: to walk through the whole ledger."""

    async def verifier_for(self, name: str) -> Verifier | None:
        """Who may log in as `name`."""

    async def put_verifier(self, name: str, verifier: Verifier) -> None:
        """Let `name` log in with another password from now on."""
