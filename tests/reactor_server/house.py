"""A trading house in memory: nodes that share one ledger, a quote server, an audit daemon.

For the tests of `reactor_server` only. Invariant, held at the end of each test: the journal is
whole and the accounts are what it tells.
"""

from typing import Any, cast

from twisted.internet.defer import Deferred

from ledger.account import Account
from ledger.entry import Cause, Entry, decode_entry
from ledger.memory_store import MemoryLedger, MemoryStore
from protocol.messages import COMMANDS, Command
from reactor_server.assembly import NodeAssembly
from tests.ledger.replay import Replay
from tests.quote_proxy.feed import FeedDouble
from tests.reactor_server.customer import Asked, Customer
from tests.reactor_server.price_counter import PriceCounter
from tests.reactor_server.unsteady_store import UnsteadyStore
from tests.service.links import BoundedClock, outcome_of
from tests.service.premises import ServerInMemory, credential

START_MS = 1_700_000_000_000


class Shipped:
    """What a node handed over for the audit daemon, in the place of a shipper.

    :ivar entries: what was shipped, with its number; None where it was passed over.
    :ivar acknowledged: fires when the daemon has it all.
    """

    def __init__(self) -> None:
        self.entries: list[bytes | None] = []
        self.acknowledged: Deferred[None] = Deferred()
        self.is_started = False
        self.is_stopped = False

    def start(self) -> None:
        self.is_started = True

    async def stop(self) -> None:
        self.is_stopped = True

    async def drain(self) -> None:
        await self.acknowledged

    def advance_to(self, last_number: int) -> None:
        self.entries += [None] * (last_number - len(self.entries))

    def ship(self, first_number: int, entries: list[bytes]) -> None:
        assert first_number == len(self.entries) + 1, "the numbers must go on where they ended"
        self.entries += entries


class Node:
    """One node of the house."""

    def __init__(self, house: "House", name: str, lanes: int) -> None:
        self.house = house
        self.name = name
        self.store = UnsteadyStore(house.ledger)
        self.prices = PriceCounter(house.now_ms)
        self.feed = FeedDouble()
        self.shipped: dict[str, Shipped] = {}
        self.fenced: list[str] = []
        self.customer = Customer()
        self.assembly = NodeAssembly(
            house.clock,
            name,
            self.store,
            self.prices,
            self.feed,
            house.audit.endpoint,
            credential("node-1"),
            self._make_shipper,
            lambda: self.fenced.append(name),
            lanes,
        )

    def _make_shipper(self, stream: str) -> Any:
        self.shipped[stream] = Shipped()
        return cast(Any, self.shipped[stream])

    def send(
        self, name: str, user: str, *arguments: str | int, by: Customer | None = None
    ) -> Asked:
        """Send a command, and let nothing happen yet."""
        number = self.house.next_number()
        command = COMMANDS[name](user, number, *arguments)
        return self.send_as(number.to_bytes(16, "big"), command, by)

    def send_as(self, command_id: bytes, command: Command, by: Customer | None = None) -> Asked:
        """Send a command under an id of the test's choice."""
        asked = Asked(by or self.customer, command_id, command)
        self.assembly.service.request_received(asked.customer, command_id, command)
        return asked

    def send_again(self, asked: Asked, by: Customer | None = None) -> Asked:
        """Send the same command once more."""
        return self.send_as(asked.command_id, asked.command, by or self.customer)

    def ask(self, name: str, user: str, *arguments: str | int, by: Customer | None = None) -> Asked:
        """Send a command, and let happen what needs no time to pass."""
        asked = self.send(name, user, *arguments, by=by)
        self.house.turn()
        return asked

    def ask_again(self, asked: Asked, by: Customer | None = None) -> Asked:
        """Send the same command once more, and let happen what needs no time to pass."""
        again = self.send_again(asked, by)
        self.house.turn()
        return again


class House:
    """What the nodes share."""

    def __init__(self) -> None:
        self.clock = BoundedClock()
        self.ahead_ms = 0
        self.ledger = MemoryLedger(self.now_ms)
        self.audit = ServerInMemory(clock=self.clock)
        self.nodes: list[Node] = []
        self._numbers = 0

    def now_ms(self) -> int:
        """Postgres's time, and the quote server's."""
        return START_MS + self.ahead_ms + round(self.clock.seconds() * 1000)

    def next_number(self) -> int:
        """A transaction number and id that nobody has had."""
        self._numbers += 1
        return self._numbers

    def node(self, lanes: int = 1) -> Node:
        """One node more, started."""
        self.nodes.append(Node(self, f"node-{len(self.nodes) + 1}", lanes))
        assert outcome_of(self.nodes[-1].assembly.start()) == [None]
        return self.nodes[-1]

    def turn(self) -> None:
        """Let everything happen that needs no time to pass."""
        self.clock.advance(0)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.pass_time(seconds)

    def another_store(self) -> MemoryStore:
        """The ledger as somebody else sees it, a trigger service for one."""
        return MemoryStore(self.ledger)

    def account(self, user: str) -> Account:
        """The account as it is stored."""
        return self.ledger.accounts[user]

    def journal(self, user: str) -> list[Entry]:
        """The user's entries, oldest first."""
        return self.ledger.user_entries.get(user, [])

    def lapses(self, user: str) -> list[Entry]:
        """The user's entries that a lapse made."""
        return [entry for entry in self.journal(user) if entry.cause is Cause.LAPSE]

    def count(self, asked: Asked) -> int:
        """How often a command stands in the journal."""
        entries = (entry for user in self.ledger.user_entries for entry in self.journal(user))
        return sum(entry.command_id == asked.command_id for entry in entries)

    def check(self) -> None:
        """Assert what must always hold of the ledger."""
        for user, account in self.ledger.accounts.items():
            replay = Replay()
            for number, entry in enumerate(self.journal(user), 1):
                assert entry.seq == number
                replay.add(entry)
            assert account.seq == len(self.journal(user))
            account.check()
            replay.assert_tells(account)
            _assert_in_order([entry.decided_ms for entry in self.journal(user)])
        for entries in self.ledger.stream_entries.values():
            _assert_in_order([decode_entry(entry).decided_ms for entry in entries])
        assert len(self.ledger.journal) == sum(map(len, self.ledger.user_entries.values()))
        for node in self.nodes:
            self._check_shipped(node)

    def _check_shipped(self, node: Node) -> None:
        for stream, shipped in node.shipped.items():
            journal = self.ledger.stream_entries.get(stream, [])
            for mine, theirs in zip(shipped.entries, journal, strict=False):
                assert mine in (None, theirs)
            assert len(shipped.entries) <= len(journal)


def _assert_in_order(times_ms: list[int]) -> None:
    assert times_ms == sorted(times_ms)
