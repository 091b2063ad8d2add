"""What can be typed at the console: each verb with its words, its help, and who may.

Used by the terminal, by `daytrade console -c`, and by their tests. A verb answers with plain data,
so that a script gets the same by `--json` as a person sees.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from console import showing
from console.daemons import Daemons
from console.status import Status, show_status
from console.tracing import show_trace, trace
from protocol.authentication import AccessRole
from protocol.errors import Code, TradeError

_RANKS = (AccessRole.OPERATOR, AccessRole.ADMINISTRATOR)
_LEVELS = ("debug", "info", "warn", "error", "critical")


class Verb(Struct, frozen=True):
    """Something that can be typed.

    :ivar usage: the words after it; DAEMON, NODE, VERB and LEVEL can be completed.
    :ivar ask: gets the words; raises `TradeError`.
    """

    name: str
    usage: str
    help: str
    ask: Callable[..., Awaitable[Any]]
    show: Callable[[Any], list[str]]
    role: AccessRole = AccessRole.OPERATOR


class Console:
    """The verbs of one person.

    :param role: what the person may do; the daemons hold to it as well.
    """

    def __init__(self, clock: IReactorTime, daemons: Daemons, role: AccessRole) -> None:
        self.daemons = daemons
        self.role = role
        self.status = Status(clock, daemons)
        self.verbs = {verb.name: verb for verb in self._verbs()}

    def _verbs(self) -> list[Verb]:
        administrator = AccessRole.ADMINISTRATOR
        return [
            Verb("status", "", "daemons, rates, latencies, lag, caches",
                 self.status.look, show_status),
            Verb("users", "[AFTER]", "accounts in order of name", self._first("node", "users"),
                 showing.show_users),
            Verb("user", "USER", "account, orders, triggers, recent journal",
                 self._first("node", "user"), showing.show_user),
            Verb("sessions", "[DAEMON]", "who is connected", self._of_all("sessions"),
                 showing.show_sessions),
            Verb("kick", "DAEMON SESSION", "end a connection", self._of_one("kick"),
                 showing.show_pairs),
            Verb("quotes", "[DAEMON]", "prices that are kept", self._of_caches("quotes"),
                 showing.show_quotes),
            Verb("quote", "SYMBOL", "one price, at each layer", self._quote,
                 showing.show_quotes),
            Verb("expire", "SYMBOL", "forget a price; the next asker pays",
                 self._expire, showing.show_by_daemon),
            Verb("triggers", "[SYMBOL]", "armed triggers", self._first("node", "triggers"),
                 showing.show_triggers),
            Verb("legacy", "", "the quote server: breaker, hits, cost",
                 self._of_caches("legacy"), showing.show_legacy),
            Verb("audit", "", "how far the log is, and who lags", self._audit,
                 showing.show_audit),
            Verb("verify", "", "look through the whole log", self._first("audit", "verify"),
                 showing.show_pairs),
            Verb("trace", "COMMAND-ID", "every stage of one command", partial(trace, self.daemons),
                 show_trace),
            Verb("dumplog", "[USER]", "the log as XML", self._dumplog, showing.show_lines,
                 administrator),
            Verb("log", "DAEMON [SUBSYSTEM] [LEVEL]", "what is logged of `all` or a subsystem",
                 self._of_one("log"), showing.show_pairs),
            Verb("drain", "NODE", "a node takes no more; its users move", self._of_one("drain"),
                 showing.show_pairs),
            Verb("resume", "NODE", "a drained node takes commands again",
                 self._of_one("resume"), showing.show_pairs),
            Verb("config", "[DAEMON]", "what daemons were started with",
                 self._of_all("config"), showing.show_by_daemon, administrator),
            Verb("shutdown", "DAEMON", "stop a daemon; its supervisor restarts it",
                 self._of_one("shutdown"), showing.show_pairs, administrator),
            Verb("help", "[VERB]", "this", self._help, showing.show_help),
        ]  # fmt: skip

    # Asking.

    async def ask(self, line: str) -> tuple[Verb, Any]:
        """Carry out a line; returns its verb and the answer, or raises `TradeError`."""
        name, *words = line.split()
        verb = self.verbs.get(name)
        if verb is None:
            raise TradeError(Code.UNKNOWN_VERB, f"no verb {name!r}; `help` shows them all")
        if _RANKS.index(self.role) < _RANKS.index(verb.role):
            raise TradeError(Code.NOT_PERMITTED, f"{name} is for the {verb.role.value} alone")
        wanted = verb.usage.split()
        needed = sum(not word.startswith("[") for word in wanted)
        if not needed <= len(words) <= len(wanted):
            raise TradeError(Code.UNKNOWN_VERB, f"write: {name} {verb.usage}".rstrip())
        for word, given in zip(wanted, words, strict=False):
            if word.strip("[]") in ("DAEMON", "NODE"):
                self.daemons.check(given, "node" if word == "NODE" else "")
        return verb, await verb.ask(*words)

    def completions(self, line: str) -> list[str]:
        """The words that the last, unfinished word of a line may become."""
        *before, begun = line.split(" ")
        if not before:
            return sorted(name for name in self.verbs if name.startswith(begun))
        verb = self.verbs.get(before[0])
        wanted = verb.usage.split() if verb else []
        place = len(before) - 1
        kind = wanted[place].strip("[]") if place < len(wanted) else ""
        choices = {
            "DAEMON": self.daemons.names,
            "NODE": self.daemons.of_kind("node"),
            "VERB": sorted(self.verbs),
            "LEVEL": list(_LEVELS),
        }
        return [choice for choice in choices.get(kind, []) if choice.startswith(begun)]

    def _first(self, kind: str, verb: str) -> Callable[..., Awaitable[Any]]:
        return lambda *words: self.daemons.ask_first(kind, verb, *words)

    def _of_one(self, verb: str) -> Callable[..., Awaitable[Any]]:
        return lambda daemon, *words: self.daemons.ask(daemon, verb, *words)

    def _of_all(self, verb: str) -> Callable[..., Awaitable[Any]]:
        return lambda *only: self.daemons.ask_all(only or self.daemons.names, verb)

    @property
    def _caches(self) -> Sequence[str]:
        return [
            name for kind in ("quotes", "node", "triggers") for name in self.daemons.of_kind(kind)
        ]

    def _of_caches(self, verb: str) -> Callable[..., Awaitable[Any]]:
        return lambda *only: self.daemons.ask_all(only or self._caches, verb)

    async def _quote(self, symbol: str) -> Any:
        return _all_or_refusal(await self.daemons.ask_all(self._caches, "quote", symbol))

    async def _expire(self, symbol: str) -> Any:
        return _all_or_refusal(await self.daemons.ask_all(self._caches, "expire", symbol))

    async def _audit(self) -> Any:
        status = await self.daemons.ask_all(self.daemons.names, "status")
        lags = {
            f"{name} {stream}": entries
            for name, answer in status.items()
            for stream, entries in answer.get("figures", {})
            .get("daytrade_audit_lag_entries", {})
            .items()
        }
        return {"log": await self.daemons.ask_first("audit", "audit"), "lag": lags}

    async def _dumplog(self, user: str = "") -> Any:
        return (await self.daemons.dump(user)).decode()

    async def _help(self, name: str = "") -> Any:
        if name and name not in self.verbs:
            raise TradeError(Code.UNKNOWN_VERB, f"no verb {name!r}; `help` shows them all")
        chosen = [self.verbs[name]] if name else list(self.verbs.values())
        shown = [[each.name, each.usage, each.role.value, each.help] for each in chosen]
        return shown if name else [*shown, *AT_A_TERMINAL]


AT_A_TERMINAL = [
    ["top", "", "operator", "status, again and again, until q"],
    ["quit", "", "operator", "log out"],
]
"""What only a terminal can do."""


def _all_or_refusal(answers: dict[str, Any]) -> dict[str, Any]:
    """The answers; raises `TradeError` where not one daemon could give one."""
    if answers and all("away" in answer for answer in answers.values()):
        raise TradeError(Code.UNKNOWN_VERB, next(iter(answers.values()))["away"])
    return answers
