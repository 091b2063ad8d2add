"""All daemons of one system, as the console asks them: together, each with its own answer.

Used by the console's verbs. Connections are made when they are first needed, and made anew when
they were lost; a daemon that does not answer is an answer too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from protocol.errors import Code, TradeError
from protocol.messages import Dump, Message, Operate, Report
from service.client import ClientProtocol, connect
from service.credentials import Credential
from service.wire import internal_error

ANSWER_S_MAX = 10.0


class Away(TradeError):
    """A daemon cannot be asked."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(Code.INTERNAL, f"{name} cannot be asked: {why}")


class Daemons:
    """The daemons by name, asked with the rights of one credential.

    :param operator: who asks, for the daemons' records.
    """

    def __init__(
        self,
        clock: IReactorTime,
        endpoints: Mapping[str, IStreamClientEndpoint],
        credential: Credential,
        operator: str,
    ) -> None:
        self._clock = clock
        self._endpoints = dict(endpoints)
        self._credential = credential
        self._operator = operator
        self._links: dict[str, ClientProtocol] = {}

    @property
    def names(self) -> list[str]:
        """All of them, in the order that they were named."""
        return list(self._endpoints)

    def of_kind(self, kind: str) -> list[str]:
        """Those whose name begins so: `node`, `quotes`, `triggers`, `audit`."""
        return [name for name in self._endpoints if name.startswith(kind)]

    def check(self, name: str, kind: str = "") -> None:
        """Raise `TradeError` UNKNOWN_VERB for a daemon that is none of ours, or of another kind."""
        known = self.of_kind(kind)
        if name not in known:
            wanted = kind or "daemon"
            raise TradeError(
                Code.UNKNOWN_VERB, f"no {wanted} {name!r}; there are: {', '.join(known)}"
            )

    async def ask(self, name: str, verb: str, *words: str) -> Any:
        """The answer of one daemon; raises `Away`, or the `TradeError` that it refused with."""
        request = Operate(verb, list(words), self._operator)
        report = await self._request(name, request)
        assert isinstance(report, Report)
        return msgspec.json.decode(report.document)

    async def ask_first(self, kind: str, verb: str, *words: str) -> Any:
        """The answer of the first daemon of a kind that can be asked; raises as `ask` does."""
        away = Away(kind, "there is none")
        for name in self.of_kind(kind):
            try:
                return await self.ask(name, verb, *words)
            except Away as error:
                away = error
        raise away

    async def ask_all(self, names: Sequence[str], verb: str, *words: str) -> dict[str, Any]:
        """The answers of several, asked side by side; of one that cannot tell, why."""
        asking = [Deferred.fromCoroutine(self.ask(name, verb, *words)) for name in names]
        outcomes = await DeferredList(asking, consumeErrors=True)
        answers = {}
        for name, (is_answer, outcome) in zip(names, outcomes, strict=True):
            answers[name] = outcome if is_answer else {"away": _why(outcome.value)}
        return answers

    async def dump(self, user: str) -> bytes:
        """The log of one user, or (empty) of all, as XML, from the audit daemon."""
        (name,) = self.of_kind("audit")[:1] or ("audit",)
        chunks: list[bytes] = []
        request = Dump(user, [], None, round(ANSWER_S_MAX * 1000))
        await self._request(name, request, chunks)
        return b"".join(chunks)

    async def _request(
        self, name: str, request: Message, chunks: list[bytes] | None = None
    ) -> Message:
        if name not in self._endpoints:
            raise Away(name, "there is none")
        asking = Deferred.fromCoroutine(self._send(name, request, chunks))
        try:
            return await asking.addTimeout(ANSWER_S_MAX, self._clock)
        except (TradeError, CancelledError):
            raise
        except TimeoutError:
            raise Away(name, f"no answer within {ANSWER_S_MAX:.0f} s") from None
        except Exception as error:
            raise Away(name, str(error) or type(error).__name__) from None

    async def _send(self, name: str, request: Message, chunks: list[bytes] | None) -> Message:
        link = self._links.get(name)
        if link is None or link.is_lost:
            endpoint = self._endpoints[name]
            link = await connect(endpoint, self._clock, "daytrade console", self._credential)
            self._links[name] = link
        return await link.request(request, on_chunk=None if chunks is None else chunks.append)

    async def close(self) -> None:
        """Let go of all of them."""
        for link in self._links.values():
            if not link.is_lost:
                link.close()
        self._links.clear()


def _why(error: BaseException) -> str:
    return error.message if isinstance(error, TradeError) else internal_error("this went wrong")[1]
