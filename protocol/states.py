"""Who may send what, and when: one table for both ends of a connection.

Everyone may import this. The table does not know which end we are, so both peers are held to the
same rules; docs/protocol.md prints it.
"""

from enum import IntEnum, auto
from typing import Final

from protocol import messages as m


class Role(IntEnum):
    """The two ends of a connection; numbers, as the hash of a plain Enum is made in Python."""

    CLIENT = auto()
    SERVER = auto()

    @property
    def peer(self) -> "Role":
        """The other end."""
        return Role.SERVER if self is Role.CLIENT else Role.CLIENT


class State(IntEnum):
    """How far a connection has come; the first six are the way in."""

    AWAITS_HELLO = auto()
    AWAITS_WELCOME = auto()
    AWAITS_LOG_IN = auto()
    AWAITS_CHALLENGE = auto()
    AWAITS_PROOF = auto()
    AWAITS_VERDICT = auto()
    OPEN = auto()
    DRAINING = auto()


OPEN: Final = State.OPEN
DRAINING: Final = State.DRAINING

REQUESTS: frozenset[type[m.Message]] = frozenset(
    [
        *m.COMMANDS.values(),
        m.WatchAccount,
        m.GetPrice,
        m.WatchPrice,
        m.Append,
        m.AppendFrom,
        m.AppendSecurity,
        m.Dump,
        m.HealthRequest,
        m.Operate,
    ]
)
"""What a client asks of a service once it is logged in."""

REPLIES: frozenset[type[m.Message]] = frozenset(
    [
        m.Receipt,
        m.Refused,
        m.Summary,
        m.WatchingAccount,
        m.AccountChanged,
        m.Price,
        m.Watching,
        m.Appended,
        m.Dumped,
        m.Health,
        m.Report,
        m.Chunk,
        m.Error,
    ]
)

REFUSED_WHILE_DRAINING: frozenset[type[m.Message]] = REQUESTS - {m.Operate}
"""Requests that come too late; an operator who told a server to drain may tell it more."""

_HEARTBEAT = (m.Ping, m.Pong)

TRANSITIONS: dict[tuple[State, Role, type[m.Message]], State] = {
    (State.AWAITS_HELLO, Role.CLIENT, m.Hello): State.AWAITS_WELCOME,
    (State.AWAITS_WELCOME, Role.SERVER, m.Welcome): State.AWAITS_LOG_IN,
    (State.AWAITS_LOG_IN, Role.CLIENT, m.LogIn): State.AWAITS_CHALLENGE,
    (State.AWAITS_LOG_IN, Role.CLIENT, m.HealthRequest): State.AWAITS_LOG_IN,
    (State.AWAITS_LOG_IN, Role.SERVER, m.Health): State.AWAITS_LOG_IN,
    (State.AWAITS_CHALLENGE, Role.SERVER, m.LogInChallenge): State.AWAITS_PROOF,
    (State.AWAITS_CHALLENGE, Role.SERVER, m.Error): State.AWAITS_LOG_IN,
    (State.AWAITS_PROOF, Role.CLIENT, m.LogInProof): State.AWAITS_VERDICT,
    (State.AWAITS_VERDICT, Role.SERVER, m.LoggedIn): State.OPEN,
    (State.AWAITS_VERDICT, Role.SERVER, m.Error): State.AWAITS_LOG_IN,
    (State.OPEN, Role.SERVER, m.Drain): State.DRAINING,
}
"""(state, sender, message) -> next state. What is not here is forbidden."""

for _state in (State.OPEN, State.DRAINING):
    TRANSITIONS.update({(_state, Role.CLIENT, request): _state for request in REQUESTS})
    TRANSITIONS.update({(_state, Role.SERVER, reply): _state for reply in REPLIES})
for _state in State:
    if _state not in (State.AWAITS_HELLO, State.AWAITS_WELCOME):
        TRANSITIONS.update({(_state, role, beat): _state for role in Role for beat in _HEARTBEAT})


def next_state(state: State, sender: Role, kind: type[m.Message]) -> State | None:
    """The state after `sender` sent a message of this type, or None where it may not."""
    return TRANSITIONS.get((state, sender, kind))
