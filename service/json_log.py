"""Logs for machines: one JSON object on a line.

`twistd --logger service.json_log.to_stdout` chooses it. Each line has `time` (UTC), `level`,
`source`, `text`, and the fields that were logged by name, such as `command_id`.
"""

import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevelFilterPredicate,
    formatEvent,
)
from zope.interface import implementer

SECRET_WORDS = ("password", "secret", "credential", "proof", "dsn", "cookie", "key")
"""A field whose name holds one of these is not written, whatever it is."""

LEVELS = LogLevelFilterPredicate()
"""How much is written of each subsystem. Twisted has one log for a process, and so one of this."""

_encode = msgspec.json.Encoder().encode


def to_stdout() -> ILogObserver:
    """An observer that writes to standard output what `LEVELS` lets through."""
    return FilteringLogObserver(JsonLog(sys.stdout), [LEVELS])


@implementer(ILogObserver)
class JsonLog:
    """An observer that writes each event to a file as it comes."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def __call__(self, event: LogEvent) -> None:
        """Write one event."""
        self._file.write(_encode(line_of(event)).decode() + "\n")
        self._file.flush()


def line_of(event: LogEvent) -> dict[str, Any]:
    """What is written of an event."""
    level = event.get("log_level")
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(event.get("log_time", 0), UTC).isoformat(
            timespec="milliseconds"
        ),
        "level": "info" if level is None else level.name,
        "source": event.get("log_namespace", ""),
        "text": formatEvent(event),
    }
    failure = event.get("log_failure")
    if failure is not None:
        line["traceback"] = failure.getTraceback()
    for name, value in event.items():
        if _is_plain(name, value):
            line.setdefault(name, value)
    return line


def _is_plain(name: str, value: object) -> bool:
    if name.startswith("log_") or name in ("time", "message", "isError", "system", "format"):
        return False
    return isinstance(value, str | int | float | bool) and not any(
        word in name.lower() for word in SECRET_WORDS
    )
