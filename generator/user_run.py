"""One user's part of a run: what is still to be sent, and what waits for its answer.

Used by the driver alone.
"""

from collections import OrderedDict, deque

from twisted.internet.interfaces import IDelayedCall

from protocol.messages import Command


class Sent:
    """A command on its way.

    :ivar due_s: when it was to be sent; its latency counts from then, so that a command which had
        to wait for others at a fixed rate is not told as faster than it was.
    :ivar first_sent_s, last_sent_s: when it was sent for the first and for the last time.
    :ivar node: the node it was sent to last.
    :ivar sends: how often it was sent.
    :ivar is_refused: the server could not take it, and it is to be sent again.
    """

    __slots__ = (
        "command",
        "command_id",
        "due_s",
        "first_sent_s",
        "is_refused",
        "last_sent_s",
        "node",
        "sends",
    )

    def __init__(
        self, command_id: bytes, command: Command, due_s: float, first_sent_s: float
    ) -> None:
        self.command_id = command_id
        self.command = command
        self.due_s = due_s
        self.first_sent_s = first_sent_s
        self.node = ""
        self.last_sent_s = first_sent_s
        self.is_refused = False
        self.sends = 0


class UserRun:
    """One user's part of the workload.

    :ivar rest: commands not sent yet; at a fixed rate each with the time at which it was due.
    :ivar node: where the outstanding commands are; None while no node is up.
    :ivar outstanding: sent and not answered, in order.
    :ivar retry: set while commands that a server could not take rest; nothing is sent meanwhile.
    :ivar refusals: how often in a row they rested.
    """

    __slots__ = ("node", "outstanding", "refusals", "rest", "retry", "user")

    def __init__(self, user: str) -> None:
        self.user = user
        self.rest: deque[tuple[Command, float | None]] = deque()
        self.outstanding: OrderedDict[bytes, Sent] = OrderedDict()
        self.node: str | None = None
        self.retry: IDelayedCall | None = None
        self.refusals = 0
