"""Who may connect, and how fast a user may ask: the limits of a port, kept.

Used by `service.server`. A flood costs those who are nobody yet their place, never those who have
logged in.
"""

import math
from collections import Counter, OrderedDict
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from protocol.errors import Code
from protocol.messages import DumpLog, Error, Message
from service.endpoints import is_this_machine
from service.limits import PortLimits, Rate, TokenBucket, TokenBuckets

_SLOW_DOWN = Error(Code.SLOW_DOWN, "more requests than you may make: wait a second")


class Applicant(Protocol):
    """A connection that asks to be let in."""

    @property
    def host(self) -> str:
        """The address it comes from."""

    def make_room(self) -> None:
        """End, because others wait."""


class Admission:
    """Counts connections in and out.

    :ivar connections: how many there are.
    """

    def __init__(self, clock: IReactorTime, limits: PortLimits) -> None:
        self._limits = limits
        self._by_host: Counter[str] = Counter()
        self._applicants: OrderedDict[Applicant, None] = OrderedDict()

        def buckets(per_s: float, burst: float) -> TokenBuckets:
            return TokenBuckets(clock, Rate(per_s, burst))

        self._arrivals = buckets(limits.address_connections_per_s, limits.address_connections_burst)
        self._wrong = buckets(limits.refused_log_ins_per_s, limits.refused_log_ins_burst)
        self._users = TokenBuckets(clock, limits.user_requests)
        self._hosts = buckets(limits.address_requests_per_s, limits.address_requests_burst)
        self._dumplogs = buckets(limits.user_dumplogs_per_s, limits.user_dumplogs_burst)
        self.connections = 0

    def arrived(self, applicant: Applicant) -> str:
        """Count a connection in; returns why it may not stay, empty where it may.

        `left` must be called for it in either case.
        """
        self.connections += 1
        self._by_host[applicant.host] += 1
        refusal = self._refusal(applicant.host)
        if refusal:
            return refusal
        self._applicants[applicant] = None
        if (
            len(self._applicants) > self._limits.not_logged_in_max
            or self.connections > self._limits.connections_max
        ):
            oldest, _ = self._applicants.popitem(last=False)
            oldest.make_room()
        return ""

    def _refusal(self, host: str) -> str:
        if self.connections > self._limits.connections_max and not self._applicants:
            return "too many connections"
        if is_this_machine(host):
            # Our own services, and whatever stands before us here, share this address.
            return ""
        if not self._arrivals.of(host).take():
            return "too many connections from this address in a short time"
        if self._by_host[host] > self._limits.connections_per_address_max:
            return "too many connections from this address"
        return ""

    def logged_in(self, applicant: Applicant) -> None:
        """It is somebody now, and keeps its place."""
        self._applicants.pop(applicant, None)

    def may_try(self, host: str) -> bool:
        """Tell whether an address may try to log in, after so many that were refused."""
        return self._wrong.of(host).left >= 1.0

    def was_refused(self, host: str) -> None:
        """Count a refused log-in."""
        self._wrong.of(host).take()

    def left(self, applicant: Applicant) -> None:
        """Count a connection out."""
        self.connections -= 1
        self._applicants.pop(applicant, None)
        self._by_host[applicant.host] -= 1
        if not self._by_host[applicant.host]:
            del self._by_host[applicant.host]

    def pace_of_user(self, name: str, host: str) -> "Pace":
        """How fast a user at an address may ask."""
        return Pace(self._users.of(name), self._hosts.of(host), self._dumplogs.of(name))


class Pace:
    """The buckets that one user's requests are taken from."""

    __slots__ = ("_dumplogs", "_host", "_user")

    def __init__(self, user: TokenBucket, host: TokenBucket, dumplogs: TokenBucket) -> None:
        self._user = user
        self._host = host
        self._dumplogs = dumplogs

    def refusal(self, request: Message) -> Error | None:
        """Take one more request, or tell why it may not be taken now."""
        if not (self._user.take() and self._host.take()):
            return _SLOW_DOWN
        if type(request) is DumpLog and not self._dumplogs.take():
            wait_s = math.ceil(self._dumplogs.wait_s(1))
            return Error(Code.SLOW_DOWN, f"you ask for the log too often: wait {wait_s} s")
        return None
