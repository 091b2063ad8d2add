"""What a command may have to wait for before it can be decided: a price, a page, a position.

Used by the desk. Each finding is put on the ticket; the desk looks at the ticket again after.
"""

from typing import NoReturn

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ledger.outcome import NoPrice
from ledger.store import Store, StoreUnavailable
from protocol.messages import Command, DisplaySummary, DumpLog, SymbolCommand
from quote_proxy.cache import QuoteCache
from quote_proxy.source import QuoteUnavailable, Refusal
from reactor_server.loading import PATIENCE_S, RETRY_S
from reactor_server.seat import HISTORY_LINES, Seat, Ticket
from service.time import SteadyClock

PRICE_S_MAX = 16.0
"""How long a command waits for a price, whatever becomes of the proxies meanwhile: longer than one
takes to say that there is none.
"""

NEED_FINDINGS: frozenset[type[Command]] = frozenset([DisplaySummary, DumpLog])
"""Commands that want something found out before the rules see them."""


class Findings:
    """Finds things out for tickets."""

    def __init__(
        self, clock: IReactorTime, store: Store, quotes: QuoteCache, steady: SteadyClock
    ) -> None:
        self._clock = clock
        self._store = store
        self._quotes = quotes
        self._steady = steady

    def are_complete(self, seat: Seat, ticket: Ticket) -> bool:
        """Tell whether DISPLAY_SUMMARY or DUMPLOG has what it needs."""
        if isinstance(ticket.command, DumpLog):
            return ticket.positions is not None
        if ticket.older is not None:
            return True
        assert isinstance(ticket.command, DisplaySummary)
        if not ticket.command.before_seq and len(seat.recent) == HISTORY_LINES:
            return True
        return seat.recent_after_seq == 0 and not ticket.command.before_seq

    async def complete(self, seat: Seat, ticket: Ticket) -> None:
        """Find out what is missing, from a store that may be away for a while.

        What comes after it waits, as it would for a commit. Raises `StoreUnavailable` when the
        command has waited for too long.
        """
        account = seat.account
        while seat.account is account:
            try:
                await self._complete(seat, ticket)
                return
            except StoreUnavailable:
                if self._clock.seconds() - ticket.arrived_s > PATIENCE_S:
                    raise
            await deferLater(self._clock, RETRY_S)

    async def _complete(self, seat: Seat, ticket: Ticket) -> None:
        if isinstance(ticket.command, DumpLog):
            await self._find_positions(ticket)
        elif isinstance(ticket.command, DisplaySummary):
            account = seat.account
            before_seq = ticket.command.before_seq or seat.recent_after_seq + 1
            older = await self._store.history(seat.user, before_seq, HISTORY_LINES)
            # A seat that was given another account meanwhile needs another page.
            if seat.account is account:
                ticket.older = older

    async def _find_positions(self, ticket: Ticket) -> None:
        positions = await self._store.positions()
        # The DUMPLOG's own record comes last: no record before it may bear a later time.
        for position in positions.values():
            self._steady.not_before(position.last_ms)
        ticket.positions = positions

    async def find_price(self, ticket: Ticket) -> None:
        """Ask for the price that the command needs; having none is a finding too."""
        command = ticket.command
        assert isinstance(command, SymbolCommand)
        getting = self._quotes.get(command.symbol.upper(), command.user, command.transaction_num)
        getting.addTimeout(PRICE_S_MAX, self._clock, _deadline_passed)
        try:
            ticket.price = await getting
        except QuoteUnavailable as unavailable:
            ticket.price = NoPrice(unavailable.reason.value)


def _deadline_passed(_result: object, _timeout_s: float) -> NoReturn:
    raise QuoteUnavailable(Refusal.DEADLINE)
