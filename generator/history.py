"""The client's own history of a run: what it was about to send, and what came of it.

Used by a play and by the checker. A command stands in the file, with its id, before the first byte
of it is sent; so a client that was killed can go on where it was, under the same ids, and a checker
can tell what was never answered from what was never sent.

The file holds one JSON object a line, in the order in which things happened:

    {"id": HEX, "at_ms": UNIX_MS, "what": WHAT, "kind": N, "body": [FIELDS], "sends": TIMES}

WHAT is `sent` with a command, `accepted` or `refused` with its reply, or `unknown` with nothing.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from generator.result import Outcome
from generator.workload import Line
from protocol.messages import KINDS, Command, Message

_SENT = "sent"
_EMPTY = msgspec.Raw(b"[]")


class HistoryError(Exception):
    """A file that is no history; the message says which line and why."""


class Exchange(Struct):
    """One command as the client saw it.

    :ivar outcome: None while neither an answer nor the deadline has come.
    :ivar sends: how often it was sent before it ended.
    :ivar sent_ms, ended_ms: by the client's clock, Unix ms; `ended_ms` is 0 until it ended.
    """

    command_id: bytes
    command: Command
    sent_ms: int
    outcome: Outcome | None = None
    reply: Message | None = None
    ended_ms: int = 0
    sends: int = 1

    @property
    def is_answered(self) -> bool:
        """A reply came: it was accepted or refused."""
        return self.outcome in (Outcome.ACCEPTED, Outcome.REFUSED)


class _Note(Struct, frozen=True, gc=False):
    """One line of the file."""

    id: str
    at_ms: int
    what: str
    kind: int = 0
    body: msgspec.Raw = _EMPTY
    sends: int = 1


class HistoryFile:
    """Writes a history, each line handed to the kernel before anything else is done.

    :param file: an unbuffered binary file, at its end.
    :param wall_ms: Unix ms now.
    """

    def __init__(self, file: IO[bytes], wall_ms: Callable[[], int]) -> None:
        self._file = file
        self._wall_ms = wall_ms

    @classmethod
    def at(cls, path: Path, wall_ms: Callable[[], int]) -> "HistoryFile":
        """Begin a history, or go on with the one that is there."""
        return cls(path.open("ab", buffering=0), wall_ms)

    def sending(self, command_id: bytes, command: Command) -> None:
        """Note a command before it is sent for the first time."""
        self._note(command_id, _SENT, command)

    def ended(
        self, command_id: bytes, outcome: Outcome, reply: Message | None, sends: int = 1
    ) -> None:
        """Note how a command ended, and how often it was sent until then."""
        self._note(command_id, outcome.name.lower(), reply, sends)

    def _note(self, command_id: bytes, what: str, message: Message | None, sends: int = 1) -> None:
        kind, body = 0, _EMPTY
        if message is not None:
            kind, body = message.KIND, msgspec.Raw(msgspec.json.encode(message))
        note = _Note(command_id.hex(), self._wall_ms(), what, kind, body, sends)
        self._file.write(msgspec.json.encode(note) + b"\n")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def read_history(path: Path) -> list[Exchange]:
    """All exchanges of a history, in the order in which they were first sent.

    A last line that was cut off, as by a kill, is passed over. Raises `HistoryError` and `OSError`.
    """
    with path.open("rb") as file:
        return list(_exchanges(file, str(path)))


def _exchanges(lines: Iterable[bytes], name: str) -> Iterator[Exchange]:
    by_id: dict[str, Exchange] = {}
    for number, raw in enumerate(lines, 1):
        if not raw.endswith(b"\n"):
            break
        try:
            note = msgspec.json.decode(raw, type=_Note)
            _take(by_id, note)
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            raise HistoryError(f"{name}:{number}: not a line of a history: {error}") from None
    yield from by_id.values()


def _take(by_id: dict[str, Exchange], note: _Note) -> None:
    message = msgspec.json.decode(note.body, type=KINDS[note.kind]) if note.kind else None
    if note.what != _SENT:
        exchange = by_id[note.id]
        exchange.outcome = Outcome[note.what.upper()]
        exchange.reply = message
        exchange.ended_ms = note.at_ms
        exchange.sends = note.sends
    elif not isinstance(message, Command):
        raise ValueError(f"kind {note.kind} is no command")
    elif note.id not in by_id:
        by_id[note.id] = Exchange(bytes.fromhex(note.id), message, note.at_ms)


class Unanswered:
    """What a history leaves to be done: the lines never answered, some of them under known ids."""

    def __init__(self, history: Iterable[Exchange]) -> None:
        self._answered: Counter[Command] = Counter()
        self._ids: dict[Command, deque[bytes]] = defaultdict(deque)
        for exchange in history:
            if exchange.is_answered:
                self._answered[exchange.command] += 1
            else:
                self._ids[exchange.command].append(exchange.command_id)

    def rest_of(self, lines: Iterable[Line]) -> list[Line]:
        """The lines without those that were answered, in the same order."""
        rest = []
        for line in lines:
            if self._answered.get(line.command):
                self._answered[line.command] -= 1
            else:
                rest.append(line)
        return rest

    def take_id(self, command: Command) -> bytes | None:
        """The id under which a command was sent before, each one once; None for a new command."""
        ids = self._ids.get(command)
        return ids.popleft() if ids else None
