"""A history in which everything happens that can: of three nodes, a trigger service and a store
that fails, drawn from a seed.

For the tests of `reactor_server` only.
"""

from collections.abc import Awaitable
from random import Random

from twisted.internet.task import deferLater

from generator.history_check import Firing, Reply, UserHistory
from ledger.account import Account, Side
from ledger.entry import Cause, Entry, decode_entry, reply_of
from ledger.rules import fire, lapse
from ledger.store import Stream
from protocol.messages import COMMANDS, AmountCommand, Command, DisplaySummary, Dumped, Error
from protocol.quote import Quote
from reactor_server.loading import PATIENCE_S
from tests.reactor_server.customer import Asked, Customer
from tests.reactor_server.house import House, Node
from tests.reactor_server.unsteady_store import Fate
from tests.service.links import outcome_of

COMMANDS_SENT = 70
USERS = ("ann", "bob", "cy", "bad name")
SYMBOLS = ("ABC", "ABC", "ABC", "XYZ", "NIL")
"""ABC most often, so that what one command sets another one finds; NIL has no price by itself."""

FOLLOWED_BY = {
    "BUY": "COMMIT_BUY",
    "SELL": "COMMIT_SELL",
    "SET_BUY_AMOUNT": "SET_BUY_TRIGGER",
    "SET_SELL_AMOUNT": "SET_SELL_TRIGGER",
}
"""What a user often says next; a random word would seldom meet what it needs."""

NAMES = (*sorted(COMMANDS), *FOLLOWED_BY, *("ADD", "BUY", "BUY", "SELL", "SET_SELL_AMOUNT"))
AMOUNTS_CENTS = (-1, 95, 700, 1_000, 9_000)
PAUSES_S = (0.0, 0.0, 0.0, 0.001, 0.01, 0.1, 1.0)
ROUNDS_MAX = 20


class RandomFates(list[Fate]):
    """What becomes of commits; what is popped is drawn.

    A DISPLAY_SUMMARY is never written unseen: it would be answered afresh, which only that one user
    could tell from what it showed at first.
    """

    def __init__(self, random: Random, node: Node) -> None:
        super().__init__([Fate.WRITTEN])
        self._random = random
        self._batches = node.store.batches

    def pop(self, index: object = -1) -> Fate:
        kinds = {entry.kind for entries in self._batches[-1].values() for entry in entries}
        fate = self._random.choices(list(Fate), (18, 1, 1))[0]
        if fate is Fate.UNSEEN and DisplaySummary.KIND in kinds:
            return Fate.LOST
        return fate


class Commotion:
    """One history: it happens when made, and is judged after."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.random = Random(seed)
        self.sent: dict[bytes, list[Asked]] = {}
        self.said: Command | None = None
        self.nodes = [self.new_node() for _ in range(3)]
        self.triggers = house.another_store()
        (stream,) = outcome_of(self.triggers.open_stream("triggers"))
        assert isinstance(stream, Stream)
        self.trigger_stream = stream
        house.audit.service.on_request = lambda: house.audit.service.answer(-1, Dumped(0))
        for user in USERS:
            for name, arguments in (
                ("ADD", (50_000,)),
                ("BUY", ("ABC", 9_000)),
                ("COMMIT_BUY", ()),
            ):
                self.send(self.nodes[0], self.command_of(user, name, *arguments))
        for _ in range(COMMANDS_SENT):
            self.something_happens()
        self.calm_down()

    def new_node(self) -> Node:
        self.house.ahead_ms = self.random.choice([0, 0, 3, 40])
        node = self.house.node(lanes=self.random.choice([1, 2]))
        self.house.ahead_ms = 0
        node.prices.cents = {symbol: self.random.randint(90, 900) for symbol in ("ABC", "XYZ")}
        node.store.fates = RandomFates(self.random, node)
        node.store.latency = self.latency
        return node

    def latency(self) -> Awaitable[None]:
        return deferLater(self.house.clock, self.random.choice([0.0, 0.0, 0.004, 0.02]))

    def something_happens(self) -> None:
        self.send(self.random.choice(self.nodes), self.command())
        if self.random.random() < 0.2:
            asked = self.random.choice(self.random.choice(list(self.sent.values())))
            self.send_again(asked)
        if self.random.random() < 0.2:
            self.fire()
        store = self.random.choice(self.nodes).store
        store.is_away = self.random.random() < (0.7 if store.is_away else 0.03)
        self.house.clock.advance(self.random.choice(PAUSES_S))
        if self.random.random() < 0.03:
            self.house.clock.pass_time(61, step_s=0.5)
        if self.random.random() < 0.5:
            self.decide_prices(self.random.choice(self.nodes))

    def decide_prices(self, node: Node) -> None:
        if node.prices.is_waiting("NIL"):
            if self.random.random() < 0.5:
                node.prices.answer("NIL", self.random.randint(90, 900))
            else:
                node.prices.give_up("NIL")

    def command(self) -> Command:
        """The next command of anybody."""
        user = self.random.choices(USERS, (8, 8, 8, 1))[0]
        name, symbol = self.random.choice(NAMES), self.random.choice(SYMBOLS)
        if self.said is not None and self.random.random() < 0.6:
            user, name = self.said.user, FOLLOWED_BY.get(self.said.NAME, name)
            symbol = str(getattr(self.said, "symbol", symbol))
        amount_cents = self.random.choice(AMOUNTS_CENTS)
        match name:
            case "ADD":
                return self.command_of(user, name, 10 * amount_cents)
            case "QUOTE" | "CANCEL_SET_BUY" | "CANCEL_SET_SELL":
                return self.command_of(user, name, symbol)
            case "DUMPLOG":
                return self.command_of(user, name, self.random.choice(["", "log.xml"]))
        if issubclass(COMMANDS[name], AmountCommand):
            return self.command_of(user, name, symbol, amount_cents)
        return self.command_of(user, name)

    def command_of(self, user: str, name: str, *arguments: str | int) -> Command:
        self.said = COMMANDS[name](user, self.house.next_number(), *arguments)
        return self.said

    def send(self, node: Node, command: Command) -> None:
        command_id = command.transaction_num.to_bytes(16, "big")
        self.sent[command_id] = [node.send_as(command_id, command, Customer())]

    def send_again(self, asked: Asked) -> None:
        if not isinstance(asked.command, DisplaySummary):
            again = self.random.choice(self.nodes).send_again(asked, by=Customer())
            self.sent[asked.command_id].append(again)

    def fire(self) -> None:
        """Let the trigger service write whatever a price and the time bring about."""
        house, price_cents = self.house, self.random.randint(90, 900)
        symbol = self.random.choice(SYMBOLS)

        def decide(account: Account) -> list[Entry]:
            now_ms = max(house.now_ms(), account.decided_ms, self.trigger_stream.last_ms)
            quote = Quote(symbol, price_cents, now_ms, f"fire{price_cents}=", account.user)
            entries = lapse(account, now_ms)
            fired = (fire(account, side, symbol, quote, now_ms) for side in Side)
            return entries + [entry for entry in fired if entry is not None]

        outcome_of(self.triggers.settle(self.trigger_stream, USERS[:3], decide))

    def calm_down(self) -> None:
        """Let the stores come back; send again what was told to come again, until all is done."""
        for node in self.nodes:
            node.store.is_away = False
        for _ in range(ROUNDS_MAX):
            for node in self.nodes:
                self.decide_prices(node)
            self.house.clock.pass_time(PATIENCE_S / 4, step_s=0.25)
            for attempts in self.sent.values():
                if attempts[-1].answers and isinstance(attempts[-1].answer, Error):
                    attempts.append(
                        self.random.choice(self.nodes).send_again(attempts[-1], by=Customer())
                    )
            if all(attempts[-1].answers for attempts in self.sent.values()):
                return

    # What must be true of it.

    def final_replies(self) -> dict[bytes, Reply]:
        """The reply of each command; all who were given one must have been given the same."""
        replies: dict[bytes, Reply] = {}
        for command_id, attempts in self.sent.items():
            answers = [asked.answer for asked in attempts]
            final = [answer for answer in answers if not isinstance(answer, Error)]
            assert final, (attempts[0].command, answers)
            assert all(answer == final[0] for answer in final), final
            replies[command_id] = final[0]  # type: ignore[assignment]
        return replies

    def assert_replies_are_the_journals(self, replies: dict[bytes, Reply]) -> None:
        for command_id, reply in replies.items():
            entry = decode_entry(self.house.ledger.journal[command_id])
            assert reply.seq == entry.seq
            if not isinstance(self.sent[command_id][0].command, DisplaySummary):
                assert reply == reply_of(entry)

    def histories(self, replies: dict[bytes, Reply]) -> list[UserHistory]:
        """What the oracle is to judge."""
        histories = []
        for user in USERS:
            exchanges = [
                (self.sent[command_id][0].command, reply)
                for command_id, reply in replies.items()
                if self.sent[command_id][0].command.user == user
            ]
            exchanges.sort(key=lambda exchange: exchange[1].seq)
            histories.append(UserHistory(user, exchanges, self.firings(user)))
        return histories

    def firings(self, user: str) -> list[Firing]:
        return [
            Firing(
                "buy" if entry.kind == COMMANDS["SET_BUY_TRIGGER"].KIND else "sell",
                entry.symbol,
                entry.price_cents,
                entry.decided_ms,
            )
            for entry in self.house.journal(user)
            if entry.cause is Cause.FIRING
        ]
