"""Appends under way to the audit daemon: a few at a time, in order, until one of them fails.

Used by `audit.shipper`.
"""

from collections.abc import Callable

from twisted.python.failure import Failure

from protocol.messages import Message
from service.client import ClientProtocol

APPENDS_MAX = 4
"""Appends of one stream that may wait for their answer; what is committed meanwhile makes the next
one larger.
"""


class Flight:
    """The Appends of one stream over one connection, since the daemon was asked where to begin.

    :ivar sent_number: the last entry that was sent.
    """

    __slots__ = ("_count", "_failure", "_link", "sent_number")

    def __init__(self, link: ClientProtocol, sent_number: int) -> None:
        self._link = link
        self._count = 0
        self._failure: Failure | None = None
        self.sent_number = sent_number

    @property
    def has_room(self) -> bool:
        """Whether one more Append may be sent now."""
        return self._count < APPENDS_MAX

    def check(self) -> None:
        """Raise what the first Append failed with that did."""
        if self._failure is not None:
            self._failure.raiseException()

    def send(
        self,
        append: Message,
        entries: int,
        on_appended: Callable[[Message], None],
        on_change: Callable[[], None],
    ) -> None:
        """Send the Append with so many entries that follow; `on_change` is called when it is
        answered, or fails.
        """
        self.sent_number += entries
        self._count += 1
        answered = self._link.request(append)
        answered.addCallback(on_appended)
        answered.addErrback(self._failed)
        answered.addCallback(lambda _: self._landed(on_change))

    def _failed(self, failure: Failure) -> None:
        if self._failure is None:
            self._failure = failure

    def _landed(self, on_change: Callable[[], None]) -> None:
        self._count -= 1
        on_change()
