"""What a command is answered with: made when it is decided, and sent when that is durable.

Used by the desk.
"""

from collections.abc import Sequence

from ledger.entry import Entry, reply_of
from ledger.summary import EncodedLine, history_page, summarize
from protocol.codec import frame
from protocol.errors import OK
from protocol.messages import DisplaySummary, DumpLog, Summary
from reactor_server.seat import HISTORY_LINES, Seat, Ticket


def prepare_answer(seat: Seat, ticket: Ticket, entry: Entry) -> None:
    """Let the ticket hold its answer, or what a DUMPLOG sends before that.

    Bytes are all that is kept until the commit: by then, whatever an answer is made of would have
    left the processor's caches.
    """
    command = ticket.command
    if type(command) is DisplaySummary and entry.code is OK:
        ticket.answer = frame(_summary_of(seat, ticket, command, entry), ticket.command_id)
    elif type(command) is DumpLog and entry.code is OK:
        ticket.dumped = entry
    else:
        ticket.answer = frame(reply_of(entry), ticket.command_id)


def _summary_of(seat: Seat, ticket: Ticket, command: DisplaySummary, entry: Entry) -> Summary:
    """The account as it is now; the ticket's findings are complete."""
    assert seat.account is not None
    recent: Sequence[EncodedLine] = () if command.before_seq else seat.recent
    history = history_page(recent, ticket.older or [], HISTORY_LINES)
    return summarize(seat.account, entry.seq, entry.decided_ms, history)
