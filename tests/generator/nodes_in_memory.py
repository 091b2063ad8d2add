"""Nodes that answer as a test wants, and a driver that plays over them, all in memory on one clock.

For the tests of this folder only. The wire between them is the real one.
"""

from collections.abc import Callable, Iterable

from generator.driver import Driver, Pace
from generator.dumplogs import DumpLogs
from generator.fleet import Fleet
from generator.ids import CommandIds
from generator.result import Outcome
from generator.user_run import Sent
from generator.workload import Line
from protocol.messages import Add, Command, Health, Message, Receipt
from service.balancer import Balancer
from service.credentials import Credential, VerifierSource
from service.server import Link, WireServerFactory
from tests.service.links import BoundedClock, MemoryEndpoint, SocketDouble, outcome_of
from tests.service.premises import VERIFIERS, credential

START_MS = 1_700_000_000_000
RECEIPT = Receipt(1, START_MS)

Answer = Callable[[Command], Message | None]
"""What a node says to a command; None: nothing, until the test does."""


def accept(_command: Command) -> Message:
    """Accept everything at once."""
    return RECEIPT


def keep_waiting(_command: Command) -> None:
    """Answer nothing."""


def adds(user: str, count: int) -> list[Line]:
    """So many commands of one user, the amounts from 1 up."""
    return [Line(number, Add(user, number, number)) for number in range(1, count + 1)]


def user_of(node: str, nodes: Iterable[str] = ("node-1", "node-2")) -> str:
    """A user whom the balancer sends to this node while all are healthy."""
    balancer = Balancer(nodes)
    return next(
        user for user in map("user-{}".format, range(100)) if balancer.node_for(user) == node
    )


class NodeInMemory:
    """One node.

    :ivar answer: asked for each command; may be set anew at any time.
    :ivar taken: every command that came, with its id, by order of arrival.
    """

    def __init__(
        self, clock: BoundedClock, name: str, verifiers: VerifierSource = VERIFIERS
    ) -> None:
        self.factory = WireServerFactory(clock, name, self, verifiers, b"decoy")
        self.endpoint = MemoryEndpoint(clock, self.factory)
        self.answer: Answer = accept
        self.taken: list[tuple[bytes, Command]] = []
        self.askers: list[str] = []
        self._links: list[Link] = []

    def request_received(self, link: Link, request_id: bytes, request: Message) -> None:
        assert isinstance(request, Command)
        self.taken.append((request_id, request))
        self.askers.append(link.name)
        self._links.append(link)
        reply = self.answer(request)
        if reply is not None:
            link.reply(request_id, reply)

    def reply(self, number: int, message: Message = RECEIPT) -> None:
        """Answer a command that came, counted from the first one; negative, from the last."""
        self._links[number].reply(self.taken[number][0], message)

    def amounts(self, user: str) -> list[int]:
        """The amounts that a user's ADDs brought, in the order in which they came."""
        return [
            command.amount_cents
            for _, command in self.taken
            if isinstance(command, Add) and command.user == user
        ]

    def die(self) -> None:
        """Be gone, and take no new connection."""
        self.endpoint.is_down = True
        for client in self.endpoint.clients:
            client.peer.abortConnection()

    def come_back(self) -> None:
        """Take connections again."""
        self.endpoint.is_down = False

    @property
    def link(self) -> Link:
        """Who gave the last command."""
        return self._links[-1]

    @property
    def connections(self) -> list[SocketDouble]:
        """The clients' ends of all connections so far."""
        return self.endpoint.clients

    def link_lost(self, link: Link) -> None:
        """Nothing is kept for a client."""

    def congestion_changed(self, link: Link) -> None:
        """Nothing is streamed."""

    def health(self) -> Health:
        return Health(True, "")


class Settled:
    """A command with how it ended."""

    def __init__(
        self, sent: Sent, reply: Message | None, outcome: Outcome, latency_us: int
    ) -> None:
        self.command = sent.command
        self.reply = reply
        self.outcome = outcome
        self.latency_us = latency_us


class Playground:
    """A driver over some nodes that are all up.

    :ivar settled: what the driver reported, in that order.
    """

    def __init__(
        self,
        nodes: int = 2,
        outstanding: int = 1,
        rate_per_s: float | None = None,
        dumplogs: DumpLogs | None = None,
        log_in_as: Credential | None = None,
    ) -> None:
        self.clock = BoundedClock()
        names = [f"node-{number + 1}" for number in range(nodes)]
        self.nodes = {name: NodeInMemory(self.clock, name) for name in names}
        self.fleet = Fleet(
            self.clock,
            {name: node.endpoint for name, node in self.nodes.items()},
            log_in_as or credential("bench"),
            lambda: 0.5,
        )
        self.settled: list[Settled] = []
        self._ids = CommandIds(self.wall_ms, b"driver")
        self.driver = Driver(
            self.clock,
            self.fleet,
            Balancer(names),
            self._id_for,
            lambda *settled: self.settled.append(Settled(*settled)),
            dumplogs or DumpLogs(None),
            lambda: 0.5,
            Pace(outstanding, rate_per_s),
        )

    def _id_for(self, _command: Command) -> bytes:
        return self._ids.next()

    def wall_ms(self) -> int:
        """Unix ms of the playground's clock."""
        return START_MS + int(self.clock.seconds() * 1000)

    def __getitem__(self, name: str) -> NodeInMemory:
        return self.nodes[name]

    def open(self) -> None:
        """Connect to every node."""
        assert outcome_of(self.fleet.open()) == []
        self.turn()
        assert self.fleet.up.keys() == self.nodes.keys()

    def turn(self) -> None:
        """Let everything happen that needs no time to pass."""
        self.clock.advance(0)

    def play(self, lines: Iterable[Line]) -> list[object]:
        """Begin to play; the list holds one thing once the driver is done: None, or an error."""
        playing = outcome_of(self.driver.play(lines))
        self.turn()
        return playing

    @property
    def outcomes(self) -> list[Outcome]:
        """How the commands ended, in the order in which they did."""
        return [each.outcome for each in self.settled]
