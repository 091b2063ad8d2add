"""What a process ships that no journal holds: kept in memory until the daemon has it, and bounded.

Used by `audit.hits` and `audit.security_recorder`. What comes when there is no room is not taken,
so what is held stays contiguous, and the oldest of it survives.
"""

from collections.abc import Callable
from itertools import count

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from audit.shipper import AppendMaker, Shipper
from protocol.messages import Append
from service.credentials import Credential
from service.time import SteadyClock


class Outbox:
    """Encoded entries by number; see `audit.shipper.JournalReader`.

    :param on_gone: called when something is asked for that was let go of.
    :ivar first_number: of the oldest entry held.
    """

    def __init__(self, on_gone: Callable[[], None]) -> None:
        self._on_gone = on_gone
        self._entries: list[bytes] = []
        self.first_number = 1

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def last_number(self) -> int:
        """The newest entry; 0 before the first."""
        return self.first_number + len(self._entries) - 1

    def add(self, entry: bytes) -> None:
        """Keep one more entry."""
        self._entries.append(entry)

    def forget(self, number: int) -> None:
        """Let go of everything up to this number."""
        done = number - self.first_number + 1
        if done > 0:
            del self._entries[:done]
            self.first_number += done

    async def entries_after(self, stream: str, number: int, limit: int) -> list[bytes]:
        """See `audit.shipper.JournalReader`."""
        start = number + 1 - self.first_number
        if start < 0:
            self._on_gone()
            return []
        return self._entries[start : start + limit]


class OutboxShipper:
    """Ships what is offered, in a stream that lives as long as its process.

    A daemon that has lost what it had acknowledged, as one with a torn log has, cannot get that
    again from here; what follows then goes on in a stream of another name.

    :ivar shipper: takes it to the audit daemon.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        endpoint: IStreamClientEndpoint,
        credential: Credential,
        stream: str,
        wall_ms: Callable[[], int],
        random: Callable[[], float],
        entries_max: int,
        append: AppendMaker = Append,
    ) -> None:
        """Ship `stream`; never more than `entries_max` entries of it wait.

        :param wall_ms: Unix ms now, read at the start for all that follows.
        """
        self._wall_ms = wall_ms
        self._steady = SteadyClock(clock, wall_ms())
        self._clock = clock
        self._entries_max = entries_max
        self._outbox = Outbox(self._begin_anew_soon)
        self._make_shipper = lambda name: Shipper(
            clock, endpoint, credential, self._outbox, name, random, append=append
        )
        self._names = (f"{stream}.{number}" for number in count(2))
        self.shipper = self._make_shipper(stream)

    def start(self) -> None:
        """Begin to ship."""
        # Until the reactor runs, its clock may still be exchanged for the monotonic one.
        self._steady.set(self._wall_ms())
        self.shipper.advance_to(0)
        self.shipper.start()

    def _begin_anew_soon(self) -> None:
        self._clock.callLater(0, self._begin_anew)

    def _begin_anew(self) -> None:
        name = next(self._names)
        self.log.error("the audit log has lost what it had of us: we go on as {name}", name=name)
        stopping = Deferred.fromCoroutine(self.shipper.stop())
        stopping.addErrback(lambda failure: self.log.failure("a shipper does not stop", failure))
        self._outbox.first_number = 1
        self.shipper = self._make_shipper(name)
        self.shipper.advance_to(self._outbox.last_number)
        self.shipper.start()

    @property
    def has_room(self) -> bool:
        """Whether one more entry would be taken."""
        self._outbox.forget(self.shipper.acked_number)
        return len(self._outbox) < self._entries_max

    def offer(self, encoded: bytes) -> bool:
        """Take one entry, kept here until the daemon has it; False where there is no room."""
        if not self.has_room:
            return False
        self._outbox.add(encoded)
        self.shipper.ship(self._outbox.last_number, [encoded])
        return True

    async def drain(self) -> None:
        """Wait until the daemon has everything that was taken; may be cancelled."""
        await self.shipper.drain()

    async def stop(self) -> None:
        """Ship no more."""
        await self.shipper.stop()
