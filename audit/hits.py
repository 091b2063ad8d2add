"""Hits on their way to the audit daemon, from whoever asks the legacy quote server itself.

Used by the quote proxy's process, and by nodes and trigger services when they have no proxy. A hit
is told by the commands that used its price too; this tells those that nobody has used, and the
daemon takes care that each is told once (SPEC section 4, "Hits").
"""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from audit.records import HIT_STREAM
from audit.shipper import Shipper
from ledger.entry import encode_entry, hit_entry
from protocol.quote import Quote
from service.credentials import Credential
from service.time import SteadyClock


class _Outbox:
    """What the daemon has not acknowledged: see `audit.shipper.JournalReader`."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.first_number = 1

    @property
    def last_number(self) -> int:
        return self.first_number + len(self.entries) - 1

    def forget(self, acked_number: int) -> None:
        done = acked_number - self.first_number + 1
        if done > 0:
            del self.entries[:done]
            self.first_number += done

    async def entries_after(self, stream: str, number: int, limit: int) -> list[bytes]:
        start = number + 1 - self.first_number
        return self.entries[start : start + limit] if start >= 0 else []


class HitRecorder:
    """Ships hits in a stream of its own.

    :param wall_ms: Unix ms now; read once, to name the stream and to set the clock.
    :ivar shipper: takes them to the audit daemon.
    """

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        endpoint: IStreamClientEndpoint,
        credential: Credential,
        wall_ms: Callable[[], int],
        random: Callable[[], float],
    ) -> None:
        self._steady = SteadyClock(clock, wall_ms())
        self._outbox = _Outbox()
        stream = f"{name}{HIT_STREAM}{wall_ms()}"
        self.shipper = Shipper(clock, endpoint, credential, self._outbox, stream, random)

    def start(self) -> None:
        """Begin to ship."""
        self.shipper.advance_to(0)
        self.shipper.start()

    def record(self, quote: Quote, transaction_num: int) -> None:
        """Ship one answered hit; kept here until the daemon has it."""
        encoded = encode_entry(hit_entry(quote, transaction_num, self._steady.now_ms()))
        self._outbox.forget(self.shipper.acked_number)
        self._outbox.entries.append(encoded)
        self.shipper.ship(self._outbox.last_number, [encoded])

    async def drain(self) -> None:
        """Wait until the daemon has all hits."""
        await self.shipper.drain()

    async def stop(self) -> None:
        """Ship no more."""
        await self.shipper.stop()
