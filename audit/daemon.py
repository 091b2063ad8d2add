"""The audit daemon: keeps what nodes append, and tells the log to those who may have it.

Used by `twistd_plugins.trade_audit` and by tests. An append is acknowledged once it is durable, and
not before.
"""

from functools import partial

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from audit.dump import DumpReply
from audit.security import is_security_stream
from audit.store import Store
from protocol.authentication import AccessRole
from protocol.errors import Code, TradeError
from protocol.messages import (
    Append,
    Appended,
    AppendFrom,
    AppendSecurity,
    Dump,
    Error,
    Health,
    Message,
)
from service.server import Link
from service.wire import internal_error

DUMPS_MAX = 4
"""Dumps told at the same time; more wait for their turn."""

_ROLES: dict[type[Message], frozenset[AccessRole]] = {
    Append: frozenset([AccessRole.NODE]),
    AppendSecurity: frozenset([AccessRole.NODE]),
    AppendFrom: frozenset([AccessRole.NODE]),
    Dump: frozenset([AccessRole.NODE, AccessRole.ADMINISTRATOR]),
}


class AuditDaemon:
    """Answers the requests of nodes and administrators; see `service.server.Service`."""

    log = Logger()

    def __init__(self, clock: IReactorTime, store: Store) -> None:
        self._clock = clock
        self._store = store
        self._dump_turns = DeferredSemaphore(DUMPS_MAX)
        self._dumps: dict[DumpReply, Deferred[None]] = {}

    def request_received(self, link: Link, request_id: bytes, request: Message) -> None:
        """Take a request; the answer follows when it is true."""
        if link.role not in _ROLES.get(type(request), ()):
            refusal = f"{type(request).__name__} is not for the role {link.role.value} here"
            link.reply(request_id, Error(Code.NOT_PERMITTED, refusal))
        elif isinstance(request, Append | AppendSecurity):
            self._append(link, request_id, request)
        elif isinstance(request, AppendFrom):
            last_number = self._store.positions.get(request.stream, 0)
            link.reply(request_id, Appended(request.stream, last_number))
        elif isinstance(request, Dump):
            self._dump(link, request_id, request)

    def link_lost(self, link: Link) -> None:
        """End the client's dumps; what it appended is kept all the same."""
        for reply in self._dumps_to(link):
            reply.link_lost()

    def congestion_changed(self, link: Link) -> None:
        """Let the client's dumps go on, if it has read what it was told."""
        if not link.is_congested:
            for reply in self._dumps_to(link):
                reply.link_drained()

    def health(self) -> Health:
        """Well as long as what is appended can be written."""
        return Health(not self._store.trouble, self._store.trouble)

    def _append(self, link: Link, request_id: bytes, request: Append | AppendSecurity) -> None:
        if is_security_stream(request.stream) != isinstance(request, AppendSecurity):
            refusal = f"stream {request.stream} does not carry what {type(request).__name__} holds"
            link.reply(request_id, Error(Code.BAD_BODY, refusal))
            return
        stored = self._store.append(request.stream, request.first_number, request.entries)
        stored.addCallback(partial(Appended, request.stream))
        stored.addErrback(self._error)
        stored.addCallback(partial(link.reply, request_id))
        stored.addErrback(lambda failure: self.log.failure("an append was not answered", failure))

    def _dump(self, link: Link, request_id: bytes, request: Dump) -> None:
        reply = DumpReply(self._clock, self._store, self._dump_turns, link, request_id, request)
        answering = Deferred.fromCoroutine(self._answer_dump(link, request_id, reply))
        answering.addErrback(lambda failure: self.log.failure("a dump was not answered", failure))
        self._dumps[reply] = answering

    async def _answer_dump(self, link: Link, request_id: bytes, reply: DumpReply) -> None:
        answer: Message
        try:
            answer = await reply.send()
        except CancelledError:
            return
        except Exception:
            answer = self._error(Failure())
        finally:
            del self._dumps[reply]
        link.reply(request_id, answer)

    def _dumps_to(self, link: Link) -> list[DumpReply]:
        return [reply for reply in self._dumps if reply.link is link]

    def _error(self, failure: Failure) -> Error:
        """What the client may know of a failure."""
        if isinstance(failure.value, TradeError):
            return Error(failure.value.code, failure.value.message)
        self.log.failure("the audit log failed", failure)
        return Error(*internal_error("the audit log failed"))
