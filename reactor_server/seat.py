"""A user's place at the node: the account in use and the commands that wait for it.

Used by the desk and its lanes. All of a user's commands pass through one seat, which is what keeps
them in order.
"""

from collections import deque

from msgspec import Struct

from ledger.account import Account
from ledger.entry import Entry
from ledger.outcome import NoPrice
from ledger.store import Position
from ledger.summary import EncodedLine
from protocol.codec import Framed
from protocol.messages import Command, Error, Message
from protocol.quote import Quote
from service.server import Link

HISTORY_LINES = 20
"""How many lines of history one DISPLAY_SUMMARY shows."""


class Ticket(Struct, eq=False, gc=False):
    """One command on its way: who asked, and what has been found out for it so far.

    :ivar link: who asked.
    :ivar also: who else, when a client sent it again before the answer.
    :ivar is_in_doubt: it may have been carried out; the journal must be asked before any answer.
    :ivar price: what asking for a price has come to.
    :ivar older: DISPLAY_SUMMARY: the page of history read for it.
    :ivar positions: DUMPLOG: how far all streams had come when it was asked for.
    :ivar answer: made when the command is decided, and held back until its entry is durable.
    :ivar dumped: DUMPLOG: its entry, which the log ends with; the log goes before the answer.
    :ivar outcome: what the command was and how it ended, see `reactor_server.figures`.
    """

    command_id: bytes
    command: Command
    link: Link
    arrived_s: float
    also: tuple[Link, ...] = ()
    is_in_doubt: bool = False
    price: Quote | NoPrice | None = None
    older: list[Entry] | None = None
    positions: dict[str, Position] | None = None
    answer: Framed | None = None
    dumped: Entry | None = None
    outcome: int = 0

    @property
    def links(self) -> tuple[Link, ...]:
        """Everybody who asked."""
        return (self.link, *self.also)

    def reply(self, message: Message) -> None:
        """Answer everybody who asked."""
        for link in self.links:
            link.reply(self.command_id, message)

    def reply_framed(self, answer: Framed) -> None:
        """Like `reply`, with an answer that was made before."""
        for link in self.links:
            link.reply_framed([answer])

    def forget_findings(self) -> None:
        """Be as new: the decision is to be taken again on another account."""
        self.price = None
        self.older = None
        self.positions = None
        self.answer = None
        self.dumped = None


class Seat:
    """A user's account and queue.

    :ivar user: the account's name; empty for everything that no account can be named for.
    :ivar lane: the place of the user's lane among those of the node.
    :ivar account: None while it is being read.
    :ivar queue: tickets that were not decided yet, in order.
    :ivar tickets: those and the decided ones that wait for the commit, by command id.
    :ivar is_waiting: the first ticket waits for something: the account, a price, a page.
    :ivar waits_for_room: its queue goes on once the open batch of its lane has room.
    :ivar recent: lines of history since `recent_after_seq`, newest last; the last few only.
    """

    __slots__ = (
        "account",
        "is_waiting",
        "lane",
        "queue",
        "recent",
        "recent_after_seq",
        "tickets",
        "user",
        "waits_for_room",
    )

    def __init__(self, user: str, lane: int) -> None:
        self.user = user
        self.lane = lane
        self.account: Account | None = None
        self.queue: deque[Ticket] = deque()
        self.tickets: dict[bytes, Ticket] = {}
        self.is_waiting = True
        self.waits_for_room = False
        self.recent: deque[EncodedLine] = deque(maxlen=HISTORY_LINES)
        self.recent_after_seq = 0

    @property
    def is_idle(self) -> bool:
        """Nothing is going on for this user, and nothing will by itself."""
        account = self.account
        return account is not None and not self.tickets and not account.lapse_check_ms

    def drop(self, ticket: Ticket) -> None:
        """Forget a ticket that was not decided."""
        self.queue.remove(ticket)
        del self.tickets[ticket.command_id]

    def send_back(self, error: Error) -> None:
        """Have all be sent again that were not decided, lest later ones overtake the first.

        But not those of which nobody knows whether they were carried out; they are the first.
        """
        for ticket in [ticket for ticket in self.queue if not ticket.is_in_doubt]:
            self.drop(ticket)
            ticket.reply(error)

    def sit(self, account: Account) -> None:
        """Take the account as it was read."""
        self.account = account
        self.recent.clear()
        self.recent_after_seq = account.seq
        self.is_waiting = False
