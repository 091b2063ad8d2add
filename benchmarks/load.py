"""What the benchmark's clients send: a workload encoded beforehand, so that sending costs little.

Used by `benchmarks.client`. The mix is that of the course's files; each user's commands go round
and round, every time under new ids.
"""

import struct
from collections.abc import Callable, Sequence
from itertools import cycle

from generator.ids import marked_counter
from generator.synthesizer import symbols_for, synthesize
from protocol.codec import frame
from protocol.fields import ID_BYTES, NO_ID
from protocol.messages import DumpLog

_ID = struct.Struct(">HIIHI")
_PLACE = struct.Struct(">12xI")
_HEAD_BYTES = 5

Command = tuple[bytes, bytes]
"""A frame without its id: what stands before it, and what follows it."""


class UserLoad:
    """One user's commands.

    :ivar place: the user's place among all users, from 0; it is part of every id.
    :ivar next_command: returns the command after the one before, after the last the first again.
    """

    __slots__ = ("commands", "next_command", "place", "user")

    def __init__(self, place: int, user: str, commands: list[Command]) -> None:
        self.place = place
        self.user = user
        self.commands = commands
        self.next_command: Callable[[], Command] = cycle(commands).__next__


def make_load(
    users: int, commands_per_user: int, seed: int, symbols: int | None = None
) -> list[UserLoad]:
    """Encode a synthesized workload, each user's part by itself."""
    commands = max(users * commands_per_user, users + 1)
    by_user: dict[str, list[Command]] = {}
    market = symbols_for(users) if symbols is None else symbols
    for line in synthesize(users, commands, seed, symbols=market):
        command = line.command
        if isinstance(command, DumpLog):
            continue
        framed = frame(command, NO_ID)
        encoded = framed[:_HEAD_BYTES], framed[_HEAD_BYTES + ID_BYTES :]
        by_user.setdefault(command.user, []).append(encoded)
    return [
        UserLoad(place, user, commands) for place, (user, commands) in enumerate(by_user.items())
    ]


class LoadIds:
    """Ids in order of time that tell which user's command they name.

    They have the form of `generator.ids`, with the user's place where that has random bytes.

    :ivar now_ms: Unix ms; whoever asks for many ids at once sets it before.
    """

    def __init__(self, run: bytes) -> None:
        """Make a source that two random bytes set apart from others."""
        self.now_ms = 0
        self._run = int.from_bytes(run, "big")
        self._made = 0

    def next(self, places: Sequence[int]) -> list[bytes]:
        """New ids, one for a command of the user at each place."""
        pack, high, low, run = _ID.pack, self.now_ms >> 32, self.now_ms & 0xFFFFFFFF, self._run
        first = self._made + 1
        self._made += len(places)
        return [
            pack(high, low, marked_counter(made), run, place)
            for made, place in enumerate(places, first)
        ]

    @staticmethod
    def places_of(ids: Sequence[bytes]) -> list[int]:
        """Whose commands the ids name."""
        return [place for (place,) in _PLACE.iter_unpack(b"".join(ids))]
