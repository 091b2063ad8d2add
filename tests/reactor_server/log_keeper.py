"""The audit daemon's part in a DUMPLOG, played by the test.

For the tests of `reactor_server` only.
"""

from typing import cast

from protocol.messages import Chunk, Dump, Dumped, Error
from service.server import Link
from tests.service.premises import ServerInMemory


class LogKeeper:
    """The audit daemon as far as dumps see it; it answers when the test says so."""

    def __init__(self, audit: ServerInMemory) -> None:
        self._audit = audit

    @property
    def dumps(self) -> list[tuple[Link, bytes, Dump]]:
        """Who asked, under which id, for what."""
        return cast(list[tuple[Link, bytes, Dump]], self._audit.service.requests)

    def say(self, *chunks: bytes, number: int = 0) -> None:
        """Send parts of the log."""
        link, dump_id, _ = self.dumps[number]
        for data in chunks:
            link.push(dump_id, Chunk(data))
        self._audit.turn()

    def end(self, answer: Dumped | Error | None = None, number: int = 0) -> None:
        """Say that this was all."""
        link, dump_id, _ = self.dumps[number]
        link.reply(dump_id, answer or Dumped(1))
        self._audit.turn()
