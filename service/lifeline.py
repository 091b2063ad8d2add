"""The line between a daemon and whoever started it: it ends with the starter, and answers for its
health.

Used by `service.daemon`. The starter holds the other end of standard input. A line `health` there
is answered by one line on another descriptor; what answers is the event loop, so that a daemon
which hangs does not.
"""

from collections.abc import Callable

from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from protocol.messages import Health

QUESTION = b"health"
WELL = b"well"
UNWELL = b"unwell "


class Lifeline(LineOnlyReceiver):
    """Our end of the line.

    :param on_end: called when the starter is gone.
    :param health: None where no answer is wanted.
    """

    delimiter = b"\n"

    def __init__(
        self, on_end: Callable[[], None], health: Callable[[], Health] | None = None
    ) -> None:
        self._on_end = on_end
        self._health = health

    def lineReceived(self, line: bytes) -> None:
        """Answer the one question there is."""
        if line.strip() == QUESTION and self._health is not None:
            self.sendLine(answer_of(self._health()))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The starter is gone, however that happened."""
        self._on_end()


def answer_of(health: Health) -> bytes:
    """A state of health as one line."""
    if health.ready:
        return WELL
    return UNWELL + health.reason.replace("\n", " ").encode()


def trouble_in(answer: bytes) -> str:
    """What an answer says is wrong; empty for a daemon that is well."""
    return answer.removeprefix(UNWELL).decode(errors="replace") if answer != WELL else ""
