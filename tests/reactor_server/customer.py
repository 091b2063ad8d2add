"""Clients of a node, as the node sees them, and what became of what they asked.

For the tests of `reactor_server` only.
"""

from collections.abc import Callable, Sequence

from protocol.authentication import AccessRole
from protocol.codec import Framed, decode_body, frame
from protocol.framing import FrameReader
from protocol.messages import Chunk, Command, Error, Message, Receipt, Refused, Summary


class Customer:
    """A logged-in client, as the node sees it.

    :ivar answers: what was answered, to which id, in order.
    :ivar pushed: what was told under the id of a watch, in order.
    :ivar on_answer: called after each answer.
    """

    def __init__(self, name: str = "bench", role: AccessRole = AccessRole.WORKLOAD) -> None:
        self.name = name
        self.role = role
        self.is_lost = False
        self.is_congested = False
        self.answers: list[tuple[bytes, Message]] = []
        self.chunks: list[bytes] = []
        self.pushed: list[tuple[bytes, Message]] = []
        self.on_answer: Callable[[], None] = lambda: None

    def reply(self, request_id: bytes, message: Message) -> None:
        self.reply_framed([frame(message, request_id)])

    def reply_framed(self, frames: Sequence[Framed]) -> None:
        for kind, request_id, body in FrameReader().feed(b"".join(frames)):
            self.answers.append((request_id, decode_body(kind, body)))
            self.on_answer()

    def push(self, request_id: bytes, message: Message) -> None:
        if isinstance(message, Chunk):
            self.chunks.append(message.data)
        else:
            self.pushed.append((request_id, message))


class Asked:
    """A command that somebody has sent, and what came of it."""

    def __init__(self, customer: Customer, command_id: bytes, command: Command) -> None:
        self.customer = customer
        self.command_id = command_id
        self.command = command
        self._seen = len(customer.answers)

    @property
    def answers(self) -> list[Message]:
        """All answers since it was asked, oldest first."""
        since = self.customer.answers[self._seen :]
        return [message for answered_id, message in since if answered_id == self.command_id]

    @property
    def answer(self) -> Message:
        """The answer, of which there must be exactly one."""
        (answer,) = self.answers
        return answer

    @property
    def receipt(self) -> Receipt:
        """The answer to a command that was carried out."""
        assert isinstance(self.answer, Receipt), self.answer
        return self.answer

    @property
    def summary(self) -> Summary:
        """The answer to a DISPLAY_SUMMARY."""
        assert isinstance(self.answer, Summary), self.answer
        return self.answer

    @property
    def code(self) -> int:
        """How a command ended that was not carried out."""
        assert isinstance(self.answer, Refused | Error), self.answer
        return self.answer.code
