"""The verbs of every daemon: its figures, its sessions, its log, its end.

Used by `twistd_plugins`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import InvalidLogLevelError, LogLevel

from protocol.authentication import AccessRole
from protocol.errors import Code, TradeError
from protocol.messages import Health
from protocol.states import State
from service.figures import Figure, plain
from service.json_log import LEVELS, SECRET_WORDS
from service.operations import Answer, Verb
from service.server import ServerProtocol, WireServerFactory

HIDDEN = "(hidden)"


class CommonVerbs:
    """What can be asked of every daemon.

    :param options: what it was started with; secrets are hidden when they are shown.
    :param stop: ends the daemon in order.
    """

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        factory: WireServerFactory,
        figures: Sequence[Figure],
        health: Callable[[], Health],
        options: Mapping[str, Any],
        stop: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._name = name
        self._factory = factory
        self._figures = figures
        self._health = health
        self._options = options
        self._stop = stop
        self._started_s = clock.seconds()

    def verbs(self) -> list[Verb]:
        """All of them."""
        administrator = AccessRole.ADMINISTRATOR
        return [
            Verb("status", "", "how the daemon is, and what it counts", self._status),
            Verb("sessions", "", "who is connected", self._sessions),
            Verb("kick", "SESSION", "end a connection", self._kick),
            Verb("drain", "", "take no more requests; clients go elsewhere", self._drain),
            Verb("resume", "", "take requests again", self._resume),
            Verb("log", "[SUBSYSTEM] [LEVEL]", "what is logged, and how much of it", self._log),
            Verb("config", "", "what the daemon was started with", self._config, administrator),
            Verb("shutdown", "", "stop the daemon, in order", self._shutdown, administrator),
        ]

    def _status(self) -> Answer:
        health = self._health()
        return {
            "name": self._name,
            "pid": os.getpid(),
            "up_s": round(self._clock.seconds() - self._started_s, 1),
            "ready": health.ready,
            "reason": health.reason,
            "time_s": self._clock.seconds(),
            "figures": plain(self._figures),
        }

    # Sessions.

    def _sessions(self) -> Answer:
        return [
            {
                "session": session.number,
                "name": session.name,
                "role": session.role.value if session.name else "",
                "peer": session.peer,
                "outstanding": session.outstanding,
                "state": session.state.name.lower(),
            }
            for session in sorted(self._factory.protocols, key=lambda each: each.number)
        ]

    def _kick(self, number: str) -> Answer:
        for session in self._factory.protocols:
            if str(session.number) == number:
                session.dropped("kicked")
                session.abort()
                return {"kicked": session.number, "name": session.name}
        raise TradeError(Code.UNKNOWN_VERB, f"no session {number!r}; `sessions` shows them")

    def _drain(self) -> Answer:
        self._factory.drain()
        return {"draining": True, "outstanding": self._factory.outstanding}

    def _resume(self) -> Answer:
        """Connections that were told to go away are ended, so that clients come anew."""
        self._factory.is_draining = False
        for session in list(self._factory.protocols):
            if not _is_operator(session):
                session.close()
        return {"draining": False}

    # The process.

    def _log(self, subsystem: str = "", level: str = "") -> Answer:
        if level:
            try:
                chosen = LogLevel.levelWithName(level.lower())
            except InvalidLogLevelError:
                names = ", ".join(each.name for each in LogLevel.iterconstants())
                raise TradeError(
                    Code.UNKNOWN_VERB, f"no level {level!r}; there are: {names}"
                ) from None
            LEVELS.setLogLevelForNamespace("" if subsystem == "all" else subsystem, chosen)
        return {
            "subsystem": subsystem or "all",
            "level": LEVELS.logLevelForNamespace("" if subsystem == "all" else subsystem).name,
        }

    def _config(self) -> Answer:
        return {name: hidden(name, value) for name, value in sorted(self._options.items())}

    def _shutdown(self) -> Answer:
        # The answer is to leave first.
        self._clock.callLater(0.1, self._stop)
        return {"stopping": self._name}


def _is_operator(session: ServerProtocol) -> bool:
    is_somebody = session.state in (State.OPEN, State.DRAINING)
    return is_somebody and session.role in (AccessRole.OPERATOR, AccessRole.ADMINISTRATOR)


def hidden(name: str, value: object) -> object:
    """A setting as it may be shown: a password inside a text is hidden, files are named."""
    if isinstance(value, str) and "password=" in value:
        return " ".join(
            f"password={HIDDEN}" if word.startswith("password=") else word for word in value.split()
        )
    is_file = isinstance(value, str) and value.endswith((".json", ".pem"))
    if value is not None and not is_file and any(word in name.lower() for word in SECRET_WORDS):
        return HIDDEN
    return value if isinstance(value, str | int | float | bool | None) else str(value)
