"""What the security log is told of the web: who came in, who was kept out, what was changed.

Used by the views. Never a password or a token.
"""

from typing import Protocol

from audit.security import Outcome
from web.visit import Visit


class SecurityLog(Protocol):
    """Takes events on to where they are kept; see `audit.security_recorder.SecurityRecorder`."""

    def record(
        self,
        actor: str,
        action: str,
        outcome: Outcome,
        *,
        role: str = "",
        origin: str = "",
        detail: str = "",
    ) -> None:
        """Write down that `actor` did `action`, or tried."""


class Witness:
    """Tells the security log what a visit led to."""

    def __init__(self, log: SecurityLog) -> None:
        self._log = log

    def saw(
        self, visit: Visit, actor: str, action: str, detail: str = "", *, is_refused: bool = False
    ) -> None:
        """Write down what `actor` did, or was kept from doing, from the visit's address."""
        access = visit.access
        self._log.record(
            actor,
            action,
            Outcome.REFUSED if is_refused else Outcome.DONE,
            role="" if access is None else access.user.role.value,
            origin=visit.address,
            detail=detail,
        )
