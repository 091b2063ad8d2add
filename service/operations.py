"""What operators may ask of a daemon, and do to it: verbs, each for a role.

May be imported by everything above `protocol`. A daemon's own service is wrapped, so that it never
sees an operator's question. Whatever is asked is written down before it is done.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from protocol.authentication import AccessRole
from protocol.errors import Code, TradeError
from protocol.messages import Error, Health, Message, Operate, Report
from service.server import Link, Service
from service.wire import internal_error

_RANKS = (AccessRole.OPERATOR, AccessRole.ADMINISTRATOR)

Answer = Any
"""What JSON can hold."""


OnAsked = Callable[[Link, str, str, Sequence[str], bool], None]


class Verb(Struct, frozen=True):
    """Something that can be asked of a daemon.

    :ivar usage: the words after it, those in brackets optional.
    :ivar run: gets the words; returns what to show, or something to await for it; raises
        `TradeError`.
    :ivar role: who may at least ask.
    """

    name: str
    usage: str
    help: str
    run: Callable[..., Answer | Awaitable[Answer]]
    role: AccessRole = AccessRole.OPERATOR

    def check(self, words: Sequence[str]) -> None:
        """Raise `TradeError` UNKNOWN_VERB where there are too many or too few words."""
        wanted = self.usage.split()
        needed = [word for word in wanted if not word.startswith("[")]
        if not len(needed) <= len(words) <= len(wanted):
            usage = f"{self.name} {self.usage}".rstrip()
            raise TradeError(Code.UNKNOWN_VERB, f"write: {usage}")


class OperatedService:
    """A service that operators may ask as well; see `service.server.Service`.

    :ivar on_asked: called with the link, the operator, the verb and its words, and whether it is
        refused, before it is done.
    """

    log = Logger()

    def __init__(self, inner: Service) -> None:
        self._inner = inner
        self.on_asked: OnAsked = lambda _link, _operator, _verb, _words, _is_refused: None
        self._verbs: dict[str, Verb] = {}
        self.offer([Verb("help", "", "what can be asked of this daemon", self._help)])

    def offer(self, verbs: Sequence[Verb]) -> None:
        """Let these be asked from now on."""
        self._verbs.update({verb.name: verb for verb in verbs})

    def request_received(self, link: Link, request_id: bytes, request: Message) -> None:
        """Answer operators, and pass on the rest."""
        if type(request) is Operate:
            self._operate(link, request_id, request)
        else:
            self._inner.request_received(link, request_id, request)

    def link_lost(self, link: Link) -> None:
        """See `Service`; what was asked is done all the same."""
        self._inner.link_lost(link)

    def congestion_changed(self, link: Link) -> None:
        """See `Service`."""
        self._inner.congestion_changed(link)

    def health(self) -> Health:
        """See `Service`."""
        return self._inner.health()

    def _operate(self, link: Link, request_id: bytes, request: Operate) -> None:
        asking = maybeDeferred(self._run, link, request)
        asking.addCallbacks(_report, self._error)
        asking.addCallback(lambda answer: link.reply(request_id, answer))

    def _run(self, link: Link, request: Operate) -> Any:
        operator = request.operator or link.name
        try:
            verb = self._verb_for(link, request)
        except TradeError:
            self.on_asked(link, operator, request.verb, request.words, True)
            raise
        self.log.info(
            "{operator} ({role}): {line}",
            operator=operator,
            role=link.role.value,
            line=" ".join([request.verb, *request.words]),
        )
        self.on_asked(link, operator, request.verb, request.words, False)
        answer = verb.run(*request.words)
        return Deferred.fromCoroutine(_awaited(answer)) if isinstance(answer, Awaitable) else answer

    def _verb_for(self, link: Link, request: Operate) -> Verb:
        verb = self._verbs.get(request.verb)
        if link.role not in _RANKS:
            raise TradeError(Code.NOT_PERMITTED, f"the role {link.role.value} is no operator's")
        if verb is None:
            raise TradeError(
                Code.UNKNOWN_VERB, f"no verb {request.verb!r} here; there are: {self._names()}"
            )
        if _RANKS.index(link.role) < _RANKS.index(verb.role):
            raise TradeError(Code.NOT_PERMITTED, f"{verb.name} is for the {verb.role.value} alone")
        verb.check(request.words)
        return verb

    def _names(self) -> str:
        return ", ".join(sorted(self._verbs))

    def _help(self) -> Answer:
        return [
            [verb.name, verb.usage, verb.role.value, verb.help] for verb in self._verbs.values()
        ]

    def _error(self, failure: Failure) -> Error:
        if isinstance(failure.value, TradeError):
            return Error(failure.value.code, failure.value.message)
        self.log.failure("an operator's question failed", failure)
        return Error(*internal_error("this went wrong"))


async def _awaited(answer: Awaitable[Answer]) -> Answer:
    return await answer


def _report(answer: Answer) -> Report:
    return Report(msgspec.json.encode(answer))


class NoTrade:
    """The service of a daemon that answers nobody but operators."""

    def __init__(self, health: Callable[[], Health]) -> None:
        self.health = health

    def request_received(self, link: Link, request_id: bytes, request: Message) -> None:
        """Refuse whatever else is asked."""
        name = type(request).__name__
        link.reply(request_id, Error(Code.UNKNOWN_KIND, f"only operators are answered, no {name}"))

    def link_lost(self, link: Link) -> None:
        """There is nothing to end."""

    def congestion_changed(self, link: Link) -> None:
        """Reports are short."""
