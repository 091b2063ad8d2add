"""Both ends of one connection, without anything between them.

For tests only: every message goes through both ends, and afterwards both must have come equally
far.
"""

from protocol.codec import frame
from protocol.connection import Connection, Event
from protocol.fields import NO_ID
from protocol.messages import (
    Drain,
    Hello,
    LoggedIn,
    LogIn,
    LogInChallenge,
    LogInProof,
    Message,
    Welcome,
)
from protocol.states import Role, State

REQUEST_ID = bytes(range(16))

PATH: list[tuple[Role, Message, State]] = [
    (Role.CLIENT, Hello(1, 1, "test"), State.AWAITS_WELCOME),
    (Role.SERVER, Welcome(1, "node", 1 << 20, 8, 1000), State.AWAITS_LOG_IN),
    (Role.CLIENT, LogIn("SCRAM-SHA-256", "n,,n=user,r=nonce"), State.AWAITS_CHALLENGE),
    (Role.SERVER, LogInChallenge("r=nonce2,s=c2FsdA==,i=4096"), State.AWAITS_PROOF),
    (Role.CLIENT, LogInProof("c=biws,r=nonce2,p=cHJvb2Y="), State.AWAITS_VERDICT),
    (Role.SERVER, LoggedIn("v=dmVyaWZpZXI=", "workload"), State.OPEN),
    (Role.SERVER, Drain(NO_ID), State.DRAINING),
]
"""Who says what, and how far that takes the connection; every state but the first is reached."""


class ConnectionPair:
    """Both ends of a connection that has come as far as `state`."""

    def __init__(self, state: State = State.AWAITS_HELLO) -> None:
        self.client = Connection(Role.CLIENT)
        self.server = Connection(Role.SERVER)
        for sender, message, _ in PATH:
            if self.state is state:
                break
            self.say(sender, message)
        assert self.state is state

    @property
    def state(self) -> State:
        """How far both ends have come; they must agree."""
        assert self.client.state is self.server.state
        return self.client.state

    def end(self, role: Role) -> Connection:
        """The end that plays `role`."""
        return self.client if role is Role.CLIENT else self.server

    def say(self, sender: Role, message: Message, request_id: bytes = REQUEST_ID) -> Event:
        """Send a message through one end and return what the other end makes of it."""
        data = self.end(sender).send(message, request_id)
        [event] = self.end(sender.peer).receive(data)
        return event


def frame_of(message: Message, request_id: bytes = REQUEST_ID) -> bytes:
    """The frame of a message, whatever state a connection is in."""
    return frame(message, request_id)
