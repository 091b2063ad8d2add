"""Hits on their way to the audit daemon, from whoever asks the legacy quote server itself.

Used by the quote proxy's process, and by nodes and trigger services when they have no proxy. A hit
is told by the commands that used its price too; this tells those that nobody has used, and the
daemon takes care that each is told once (SPEC section 4, "Hits").
"""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from audit.outbox import OutboxShipper
from audit.records import HIT_STREAM
from ledger.entry import encode_entry, hit_entry
from protocol.quote import Quote
from service.credentials import Credential

HITS_MAX = 200_000
"""Hits that may wait for the daemon: at the legacy server's utmost rate, those of three minutes."""


class HitRecorder(OutboxShipper):
    """Ships hits in a stream of its own.

    :param wall_ms: Unix ms now, to name the stream and to set the clock.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        name: str,
        endpoint: IStreamClientEndpoint,
        credential: Credential,
        wall_ms: Callable[[], int],
        random: Callable[[], float],
    ) -> None:
        stream = f"{name}{HIT_STREAM}{wall_ms()}"
        super().__init__(clock, endpoint, credential, stream, wall_ms, random, HITS_MAX)

    def record(self, quote: Quote, transaction_num: int) -> None:
        """Ship one answered hit; kept here until the daemon has it."""
        encoded = encode_entry(hit_entry(quote, transaction_num, self._steady.now_ms()))
        if not self.offer(encoded):
            self.log.warn("a hit is told only by who uses it, too many wait: {hit}", hit=quote.hit)
