"""How much a client may take: token buckets, and the limits of one port.

May be imported by everything above `protocol`. The limits are for those who are nobody yet and for
users; what the system's own services ask is bounded by their windows alone.
"""

from collections import OrderedDict

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

KEYS_MAX = 10_000


class Rate(Struct, frozen=True):
    """So many a second, and so many at once after a rest."""

    per_s: float
    burst: float


class PortLimits(Struct, frozen=True):
    """The limits of one port.

    :ivar accepts: new ones of all clients; beyond, they wait in the kernel.
    :ivar tls_accepts: the same for a port with TLS, where each costs a handshake.
    :ivar connections_max: of all clients; beyond, who has not logged in longest makes room.
    :ivar connections_per_address_max: beyond, the new one is turned away.
    :ivar not_logged_in_max: beyond, who has been at it longest makes room.
    :ivar connections: new ones from one address.
    :ivar log_ins_refused: from one address; beyond, every try is turned away.
    :ivar user_requests: of one name that logged in as a user, over all its connections.
    :ivar address_requests: of all users at one address.
    """

    accepts: Rate = Rate(2_000.0, 200.0)
    tls_accepts: Rate = Rate(400.0, 100.0)
    connections_max: int = 8_192
    connections_per_address_max: int = 4_096
    not_logged_in_max: int = 1_024
    connections: Rate = Rate(500.0, 2_000.0)
    log_ins_refused: Rate = Rate(1.0, 60.0)
    user_requests: Rate = Rate(200.0, 1_000.0)
    address_requests: Rate = Rate(2_000.0, 10_000.0)


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
