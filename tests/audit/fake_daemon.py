"""An audit daemon that misbehaves on demand, and a journal, for the tests of the shipper.

For this folder's tests only. The daemon speaks through the real protocol; it keeps entries in
memory and refuses gaps as the real one does.
"""

from protocol.errors import Code, TradeError
from protocol.messages import Append, Appended, AppendFrom, Error, Health, Message
from service.server import Link


class FakeDaemon:
    """Keeps what is appended, across connections, as the real one keeps it across restarts.

    :ivar entries: of the one stream that the tests have.
    :ivar is_slow: answers are held back until `answer_one` or `answer_all`.
    :ivar refusal: what to answer to every Append instead of keeping it.
    :ivar appends: the Appends that came, refused ones too.
    """

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.is_slow = False
        self.refusal: Error | None = None
        self.appends: list[Append] = []
        self.unanswered: list[tuple[Link, bytes, Message]] = []
        self.unanswered_max = 0

    def request_received(self, link: Link, request_id: bytes, request: Message) -> None:
        if isinstance(request, Append):
            self.appends.append(request)
            self._answer(link, request_id, self._append(request))
        else:
            assert isinstance(request, AppendFrom)
            link.reply(request_id, Appended(request.stream, len(self.entries)))

    def _append(self, request: Append) -> Message:
        if self.refusal is not None:
            return self.refusal
        if request.first_number > len(self.entries) + 1:
            return Error(Code.UNEXPECTED_MESSAGE, f"the next is {len(self.entries) + 1}")
        self.entries += request.entries[len(self.entries) + 1 - request.first_number :]
        return Appended(request.stream, len(self.entries))

    def _answer(self, link: Link, request_id: bytes, answer: Message) -> None:
        self.unanswered.append((link, request_id, answer))
        self.unanswered_max = max(self.unanswered_max, len(self.unanswered))
        if not self.is_slow:
            self.answer_all()

    def answer_one(self) -> None:
        """Answer the oldest Append that waits."""
        link, request_id, answer = self.unanswered.pop(0)
        link.reply(request_id, answer)

    def answer_all(self) -> None:
        """Answer every Append that waits."""
        while self.unanswered:
            self.answer_one()

    def restart(self) -> None:
        """Forget who waits for an answer, and be as at first, but for what is kept."""
        self.unanswered.clear()
        self.refusal = None
        self.is_slow = False

    def link_lost(self, link: Link) -> None:
        self.unanswered = [waiting for waiting in self.unanswered if waiting[0] is not link]

    def congestion_changed(self, link: Link) -> None:
        """Answers are short."""

    def health(self) -> Health:
        return Health(True, "")


class FakeJournal:
    """The durable outbox.

    :ivar entries: all that was committed.
    :ivar is_away: reading fails.
    :ivar reads: how often it was read.
    """

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.is_away = False
        self.reads = 0

    async def entries_after(self, stream: str, number: int, limit: int) -> list[bytes]:
        self.reads += 1
        if self.is_away:
            raise TradeError(Code.STORE_UNAVAILABLE, "the ledger cannot be reached")
        return self.entries[number : number + limit]
