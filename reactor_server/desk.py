"""The trading desk: takes commands, keeps each user's order, decides, and answers what is durable.

Used by the node. State changes are synchronous; whatever must be waited for (the account, a price,
a page of history) leaves the ticket at the head of its user's queue, to be looked at again after.
"""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from typing import Any
from zlib import crc32

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ledger.account import TriggerName
from ledger.entry import Entry, is_same_command
from ledger.rules import PRICED, decide, lapse
from ledger.store import Store, StoreUnavailable
from protocol.codec import Framed
from protocol.errors import Code
from protocol.fields import account_name
from protocol.messages import Command, Error, SymbolCommand
from protocol.quote import Quote
from quote_proxy.cache import QuoteCache
from reactor_server.account_news import AccountNews
from reactor_server.answers import prepare_answer
from reactor_server.batch import Batch
from reactor_server.findings import NEED_FINDINGS, Findings
from reactor_server.lane import Lane
from reactor_server.lapses import LapseClock
from reactor_server.loading import Loading
from reactor_server.seat import Seat, Ticket
from service.server import Link
from service.time import SteadyClock

SEATS_MAX = 100_000
"""Accounts kept in memory; idle ones make room."""

OnDump = Callable[[Ticket, Entry, str, int], None]
"""Streams the log to the ticket's holders; the stream and number of the DUMPLOG's own entry are
given where it was journalled just now, else they are empty and 0."""

_ID_REUSED = Error(Code.ID_REUSED, "this id was used for another command: make a new one")


class TradingDesk:
    """All users of one node.

    :ivar lanes: filled by the node before the first command comes.
    :param news: told of what is durable, and how new accounts are that were read.
    :param on_dump: carries out a DUMPLOG whose entry is durable.
    :param on_triggers_changed: called with triggers that were set, armed or cancelled.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        steady: SteadyClock,
        store: Store,
        quotes: QuoteCache,
        news: AccountNews,
        on_dump: OnDump,
        on_triggers_changed: Callable[[set[TriggerName]], None],
    ) -> None:
        self._clock = clock
        self._steady = steady
        self._quotes = quotes
        self._news = news
        self._on_dump = on_dump
        self._on_triggers_changed = on_triggers_changed
        self._seats: dict[str, Seat] = {}
        self._findings = Findings(clock, store, quotes, steady)
        self._loading = Loading(clock, store, self._answer_known, self._loaded)
        self._waiting: set[Deferred[Any]] = set()
        self.lapses = LapseClock(clock, steady.now_ms, self._look_for_lapses)
        self.lanes: list[Lane] = []

    # Taking commands.

    def submit(self, link: Link, command_id: bytes, command: Command) -> None:
        """Take a command; the link gets its answer when it is durable."""
        seat = self._seats.get(command.user) or self._seat_for(command.user)
        known = seat.tickets.get(command_id)
        if known is None:
            ticket = Ticket(command_id, command, link, self._clock.seconds())
            seat.tickets[command_id] = ticket
            seat.queue.append(ticket)
            if not (seat.is_waiting or seat.waits_for_room):
                self.run(seat)
        elif known.command == command:
            known.also += (link,)
        else:
            link.reply(command_id, _ID_REUSED)

    def _seat_for(self, name: str) -> Seat:
        """A user's seat; what no account can be named for shares the empty one."""
        user = account_name(name)
        seat = self._seats.get(user)
        if seat is None:
            if len(self._seats) >= SEATS_MAX:
                for idle in list(self._seats):
                    self.forget_idle(idle)
            lane = crc32(user.encode()) % len(self.lanes)
            seat = self._seats[user] = Seat(user, lane)
            self._loading.load(seat)
        return seat

    def forget_idle(self, user: str) -> None:
        """Read the user's account anew for the next command, unless one is going on."""
        seat = self._seats.get(user)
        if seat is not None and seat.is_idle and not self.lanes[seat.lane].has(user):
            del self._seats[user]

    @property
    def is_idle(self) -> bool:
        """Every command was answered, and nothing waits to be written."""
        return all(lane.is_idle for lane in self.lanes) and not any(
            seat.tickets for seat in self._seats.values()
        )

    # Deciding.

    def run(self, seat: Seat) -> None:
        """Decide the user's commands in order, as far as nothing is missing."""
        queue = seat.queue
        lane = self.lanes[seat.lane]
        while queue and not seat.is_waiting:
            if lane.is_full:
                lane.wait_for_room(seat)
                return
            if self._decide(seat, queue[0], lane):
                queue.popleft()

    def _decide(self, seat: Seat, ticket: Ticket, lane: Lane) -> bool:
        """Decide one command; or have what is missing found out, and return False."""
        account, command = seat.account, ticket.command
        assert account is not None
        if type(command) in NEED_FINDINGS and not self._findings.are_complete(seat, ticket):
            self._wait(seat, ticket, self._findings.complete(seat, ticket))
            return False
        # It goes back neither for the node nor for the user.
        now_ms = self._steady.now_ms(account.decided_ms)
        if account.lapse_check_ms and account.lapse_check_ms <= now_ms:
            self._lapse(seat, now_ms)
        price = ticket.price
        if price is None and type(command) in PRICED:
            assert isinstance(command, SymbolCommand)
            symbol = command.symbol.upper()
            price = self._quotes.fresh(symbol, command.user, command.transaction_num)
        expected_seq, lapse_check_ms = account.seq, account.lapse_check_ms
        entry = decide(account, command, ticket.command_id, now_ms, price)
        if entry is None:
            if isinstance(price, Quote):
                self._quotes.drop(price)
            self._wait(seat, ticket, self._findings.find_price(ticket))
            return False
        if account.lapse_check_ms != lapse_check_ms:
            self.lapses.expect(seat.user, account.lapse_check_ms)
        prepare_answer(seat, ticket, entry)
        lane.add(seat, ticket, entry, expected_seq)
        return True

    def _wait(self, seat: Seat, ticket: Ticket, finding: Coroutine[Any, Any, None]) -> None:
        """Let the user's queue rest until something is found out for its first ticket."""
        seat.is_waiting = True
        ticket.price = None
        account = seat.account
        waiting = Deferred.fromCoroutine(finding)
        self._waiting.add(waiting)
        is_at_once = True

        def found(result: Any) -> None:
            self._waiting.discard(waiting)
            if isinstance(result, Failure):
                self._not_found(seat, ticket, result)
            # A seat that was given another account meanwhile has been started again by that.
            if seat.account is account:
                seat.is_waiting = False
                if not is_at_once:
                    self.run(seat)

        waiting.addBoth(found)
        is_at_once = False

    def _not_found(self, seat: Seat, ticket: Ticket, failure: Failure) -> None:
        reason = failure.value
        error = Error(Code.INTERNAL, "this went wrong at the server: send it again")
        if isinstance(reason, StoreUnavailable):
            error = Error(reason.code, reason.message)
        elif failure.check(CancelledError) is None:
            self.log.failure("a command of {user} cannot go on", failure, user=seat.user)
        if ticket in seat.queue:
            seat.send_back(error)

    # Lapsing.

    def _look_for_lapses(self, user: str) -> None:
        seat = self._seats.get(user)
        if seat is not None and seat.account is not None:
            self._lapse(seat, self._steady.now_ms(seat.account.decided_ms))

    def _lapse(self, seat: Seat, now_ms: int) -> None:
        """Give back what lapsed orders hold, as journal entries of their own."""
        account = seat.account
        assert account is not None
        seq, lapse_check_ms = account.seq, account.lapse_check_ms
        lane = self.lanes[seat.lane]
        for entry in lapse(account, now_ms):
            lane.add(seat, None, entry, seq)
        if account.lapse_check_ms != lapse_check_ms:
            if account.seq == seq:
                lane.touch(seat)
            if account.lapse_check_ms:
                self.lapses.expect(seat.user, account.lapse_check_ms)

    # After the commit.

    def committed(
        self, lane: Lane, batch: Batch, first_number: int, conflicted: frozenset[str]
    ) -> None:
        """Answer what is durable; take back and decide again where another writer came first."""
        self._take_back(lane, batch, sorted(conflicted))
        changed: set[TriggerName] = set()
        answers: defaultdict[Link, list[Framed]] = defaultdict(list)
        for write in batch.writes.values():
            changed.update(write.triggers)
            tickets = write.seat.tickets
            for ticket in write.tickets:
                del tickets[ticket.command_id]
                if ticket.answer is not None:
                    answers[ticket.link].append(ticket.answer)
                    for link in ticket.also:
                        answers[link].append(ticket.answer)
                else:
                    assert (entry := ticket.dumped) is not None
                    self._on_dump(ticket, entry, lane.name, first_number + batch.place_of(entry))
        for link, frames in answers.items():
            link.reply_framed(frames)
        if changed:
            self._on_triggers_changed(changed)
        self._news.committed(batch.writes)

    def undone(self, lane: Lane, batch: Batch) -> None:
        """Nothing of the batch may be believed: read its accounts again and ask the journal."""
        seats = [write.seat for write in batch.writes.values()]
        self._take_back(lane, batch, list(batch.writes))
        self._part_twins(seats)

    def _part_twins(self, seats: list[Seat]) -> None:
        """Refuse all but the first of several users' commands that share an id.

        In one batch the journal would refuse them all, again and again.
        """
        seen: set[bytes] = set()
        for seat in seats:
            for ticket in [ticket for ticket in seat.queue if ticket.command_id in seen]:
                seat.drop(ticket)
                ticket.reply(_ID_REUSED)
            seen.update(ticket.command_id for ticket in seat.queue)

    def _take_back(self, lane: Lane, batch: Batch, users: Iterable[str]) -> None:
        for user in users:
            seat = batch.writes[user].seat
            tickets = batch.take_out(user) + lane.take_out(user)
            for ticket in tickets:
                ticket.forget_findings()
            seat.queue.extendleft(reversed(tickets))
            seat.account = None
            seat.is_waiting = True
            self._loading.load(seat)

    def _loaded(self, seat: Seat) -> None:
        """The seat has its account; go on with what waits for it."""
        assert seat.account is not None
        self._news.seen(seat.user, seat.account.seq)
        if seat.account.lapse_check_ms:
            self.lapses.expect(seat.user, seat.account.lapse_check_ms)
        self.run(seat)

    def _answer_known(self, seat: Seat, ticket: Ticket, entry: Entry) -> None:
        """Answer a command that the journal holds already (SPEC section 1, "Refused")."""
        if not is_same_command(entry, ticket.command):
            ticket.reply(_ID_REUSED)
            return
        prepare_answer(seat, ticket, entry)
        if ticket.answer is not None:
            ticket.reply_framed(ticket.answer)
        else:
            self._on_dump(ticket, entry, "", 0)

    def close(self) -> None:
        """Stop waiting for anything."""
        self.lapses.stop()
        self._loading.close()
        for waiting in list(self._waiting):
            waiting.cancel()
