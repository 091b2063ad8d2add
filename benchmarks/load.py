"""What the benchmark's clients send: a workload encoded beforehand, so that sending costs little.

Used by `benchmarks.client`. The mix is that of the course's files; each user's commands go round
and round, every time under new ids.
"""

from collections.abc import Sequence

from generator.ids import CommandIds
from generator.synthesizer import symbols_for, synthesize
from protocol.codec import encode_body
from protocol.framing import encode_frame
from protocol.messages import DumpLog

_ID_BYTES = 16
_HEAD_BYTES = 5
_NO_ID = bytes(_ID_BYTES)

Command = tuple[bytes, bytes]
"""A frame without its id: what stands before it, and what follows it."""


class UserLoad:
    """One user's commands.

    :ivar place: the user's place among all users, from 0; it is part of every id.
    """

    __slots__ = ("_next", "commands", "place", "user")

    def __init__(self, place: int, user: str) -> None:
        self.place = place
        self.user = user
        self.commands: list[Command] = []
        self._next = 0

    def next_command(self) -> Command:
        """The command after the one before, from the first again after the last."""
        command = self.commands[self._next]
        self._next += 1
        if self._next == len(self.commands):
            self._next = 0
        return command


def make_load(
    users: int, commands_per_user: int, seed: int, symbols: int | None = None
) -> list[UserLoad]:
    """Encode a synthesized workload, each user's part by itself."""
    commands = max(users * commands_per_user, users + 1)
    loads: dict[str, UserLoad] = {}
    market = symbols_for(users) if symbols is None else symbols
    for line in synthesize(users, commands, seed, symbols=market):
        command = line.command
        if isinstance(command, DumpLog):
            continue
        load = loads.get(command.user)
        if load is None:
            load = loads[command.user] = UserLoad(len(loads), command.user)
        frame = encode_frame(command.KIND, _NO_ID, encode_body(command))
        load.commands.append((frame[:_HEAD_BYTES], frame[_HEAD_BYTES + _ID_BYTES :]))
    return list(loads.values())


class LoadIds:
    """Ids in order of time that tell which user's command they name.

    They have the form of `generator.ids`, with the user's place where that has random bytes.
    """

    USER_AT = 12

    def __init__(self, ids: CommandIds, loads: Sequence[UserLoad]) -> None:
        self._ids = ids
        self._tails = [load.place.to_bytes(4, "big") for load in loads]

    def next(self, place: int) -> bytes:
        """A new id for a command of the user at this place."""
        return self._ids.next()[: self.USER_AT] + self._tails[place]
