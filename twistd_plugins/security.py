"""The security log of one process: what is recorded, and the steps that ship it.

Used by the plugins of all daemons that let somebody in.
"""

import random
from collections.abc import Sequence
from typing import Any

from audit.event_recorder import EventRecorder
from audit.security import Outcome
from audit.security_recorder import SecurityRecorder
from console.access import Person
from service.credentials import Credential
from service.daemon import DaemonOptions, client_endpoint
from service.link import Link
from service.ordered import Step
from service.server import ServerProtocol
from service.time import wall_ms


class SecurityLog:
    """Records log-ins and what operators ask."""

    def __init__(self, recorder: EventRecorder) -> None:
        self.recorder = recorder

    @classmethod
    def shipped(cls, reactor: Any, options: DaemonOptions, credential: Credential) -> "SecurityLog":
        """One that is kept by the audit daemon of the options."""
        audit = client_endpoint(reactor, options["audit"])
        name = options["name"]
        return cls(SecurityRecorder(reactor, name, audit, credential, wall_ms, random.random))

    @property
    def steps(self) -> list[Step]:
        """Hand on from the start, and at the end until all is durable; nothing that records may be
        stopped after them.
        """

        async def start() -> None:
            self.recorder.start()

        return [
            Step("security log", start, self.recorder.stop),
            Step("last security events", stop=self.recorder.drain, stop_timeout_s=5.0),
        ]

    def log_in(self, session: ServerProtocol, name: str, is_refused: bool) -> None:
        """Somebody tried to log in."""
        outcome = Outcome.REFUSED if is_refused else Outcome.DONE
        role = "" if is_refused else session.role.value
        self.recorder.record(name, "log in", outcome, role=role, origin=session.peer)

    def console_log_in(self, name: str, origin: str, remark: str, is_refused: bool) -> None:
        """Somebody tried to log in to the console."""
        outcome = Outcome.REFUSED if is_refused else Outcome.DONE
        self.recorder.record(name, "log in", outcome, origin=origin, detail=remark)

    def typed(self, person: Person, verb: str, words: str) -> None:
        """Somebody typed a line at the console."""
        self.recorder.record(
            person.name,
            verb,
            Outcome.DONE,
            role=person.role.value,
            origin=person.origin,
            detail=words,
        )

    def asked(
        self, link: Link, operator: str, verb: str, words: Sequence[str], is_refused: bool
    ) -> None:
        """An operator asked for something."""
        origin = link.peer if isinstance(link, ServerProtocol) else ""
        self.recorder.record(
            operator,
            verb,
            Outcome.REFUSED if is_refused else Outcome.DONE,
            role=link.role.value,
            origin=origin,
            detail=" ".join(words),
        )
