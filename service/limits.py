"""How much a client may take: token buckets, and the limits of one port.

May be imported by everything above `protocol`. The limits are for those who are nobody yet and for
users; what the system's own services ask is bounded by their windows alone.
"""

from collections import OrderedDict
from typing import Annotated

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from protocol.framing import FRAME_BYTES_MAX
from service.described import within

KEYS_MAX = 10_000

HEARTBEAT_S = 10.0
"""After this long without a byte from the peer a Ping goes out."""

CONGESTED_S_MAX = 30.0
"""How long a peer may leave its side unread before it is let go."""

LOG_IN_S_MAX = 10.0
"""How long a client may take to say hello and log in."""

LOG_IN_TRIES_MAX = 5

OUTSTANDING_MAX = 16_384
"""Requests of one connection that may wait for an answer; no more are read until half are
answered.
"""


class Rate(Struct, frozen=True):
    """So many a second, and so many at once after a rest."""

    per_s: float
    burst: float


class PortLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """The limits of one port; they are settings, and what each means stands with it."""

    accepts_per_s: Annotated[
        float, within(10, 100_000, "new connections of a port; others wait in the kernel", "1/s")
    ] = 2_000.0
    accepts_burst: Annotated[
        int, within(8, 100_000, "of them at once after a rest", "connections")
    ] = 200
    tls_accepts_per_s: Annotated[
        float, within(10, 100_000, "the same for a port with TLS: handshakes", "1/s")
    ] = 400.0
    tls_accepts_burst: Annotated[
        int, within(8, 100_000, "of them at once after a rest", "connections")
    ] = 100
    connections_max: Annotated[
        int, within(16, 100_000, "of all clients; beyond, who has not logged in makes room")
    ] = 8_192
    connections_per_address_max: Annotated[
        int, within(1, 100_000, "beyond, the new one is turned away; not held against loopback")
    ] = 4_096
    not_logged_in_max: Annotated[
        int, within(8, 100_000, "beyond, who has been at it longest makes room", "connections")
    ] = 1_024
    address_connections_per_s: Annotated[
        float, within(0.1, 100_000, "new ones of one address; not held against loopback", "1/s")
    ] = 500.0
    address_connections_burst: Annotated[
        int, within(1, 100_000, "of them at once after a rest", "connections")
    ] = 2_000
    log_in_s: Annotated[
        float, within(0.5, 300, "from connecting to the end of the log-in; beyond, it ends", "s")
    ] = LOG_IN_S_MAX
    log_in_tries: Annotated[
        int, within(1, 100, "wrong log-ins on one connection, the last of which ends it")
    ] = LOG_IN_TRIES_MAX
    refused_log_ins_per_s: Annotated[
        float, within(0.01, 1_000, "of one address; beyond, no try is judged", "1/s")
    ] = 1.0
    refused_log_ins_burst: Annotated[
        int, within(1, 10_000, "of them at once after a rest", "log-ins")
    ] = 60
    user_requests_per_s: Annotated[
        float, within(0.1, 100_000, "of one user, over all connections; beyond: slow down", "1/s")
    ] = 200.0
    user_requests_burst: Annotated[
        int, within(1, 1_000_000, "of them at once after a rest", "requests")
    ] = 1_000
    address_requests_per_s: Annotated[
        float, within(0.1, 1_000_000, "of all users of one address; beyond: slow down", "1/s")
    ] = 2_000.0
    address_requests_burst: Annotated[
        int, within(1, 1_000_000, "of them at once after a rest", "requests")
    ] = 10_000
    user_dumplogs_per_s: Annotated[
        float, within(0.001, 1_000, "DUMPLOG of one user; beyond: slow down", "1/s")
    ] = 0.2
    user_dumplogs_burst: Annotated[
        int, within(1, 10_000, "of them at once after a rest", "requests")
    ] = 5
    outstanding_max: Annotated[
        int, within(1, 1_000_000, "unanswered on one connection; no more are read", "requests")
    ] = OUTSTANDING_MAX
    frame_bytes_max: Annotated[
        int, within(FRAME_BYTES_MAX // 2, FRAME_BYTES_MAX, "of one who is logged in", "bytes")
    ] = FRAME_BYTES_MAX
    heartbeat_s: Annotated[
        float, within(0.1, 300, "without a byte; the third such time in a row is the last", "s")
    ] = HEARTBEAT_S
    unread_s: Annotated[
        float, within(0.5, 3_600, "that a client may leave replies unread", "s")
    ] = CONGESTED_S_MAX

    def accepts(self, *, is_tls: bool) -> Rate:
        """How fast a port may take new connections."""
        if is_tls:
            return Rate(self.tls_accepts_per_s, self.tls_accepts_burst)
        return Rate(self.accepts_per_s, self.accepts_burst)

    @property
    def user_requests(self) -> Rate:
        """How fast one user may ask."""
        return Rate(self.user_requests_per_s, self.user_requests_burst)


class TokenBucket:
    """Gives out tokens at a rate; what is not taken is kept, up to the burst."""

    __slots__ = ("_clock", "_left", "_rate", "_seen_s")

    def __init__(self, clock: IReactorTime, rate: Rate) -> None:
        self._clock = clock
        self._rate = rate
        self._left = rate.burst
        self._seen_s = clock.seconds()

    @property
    def left(self) -> float:
        """The tokens that are there now."""
        now_s = self._clock.seconds()
        gained = (now_s - self._seen_s) * self._rate.per_s
        self._left = min(self._rate.burst, self._left + gained)
        self._seen_s = now_s
        return self._left

    def take(self) -> bool:
        """Take a token; False where there is none."""
        if self.left < 1.0:
            return False
        self._left -= 1.0
        return True

    def spend(self, tokens: float) -> None:
        """Take tokens for what was done already, be they there or not."""
        self._left = self.left - tokens

    def wait_s(self, tokens: float) -> float:
        """How long until there are so many, or all that there can be."""
        return max(0.0, min(tokens, self._rate.burst) - self.left) / self._rate.per_s


class TokenBuckets:
    """A bucket for each key; the one that was not used longest makes room."""

    def __init__(self, clock: IReactorTime, rate: Rate, keys_max: int = KEYS_MAX) -> None:
        self._clock = clock
        self._rate = rate
        self._keys_max = keys_max
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def of(self, key: str) -> TokenBucket:
        """The key's bucket, full where it is new."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._clock, self._rate)
            if len(self._buckets) > self._keys_max:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket
