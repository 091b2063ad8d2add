"""Checks every reply of a finished run against the oracle.

The driver's report, the simulation and tests import this. A user's replies are replayed in the
order of the journal; what the system did by itself in between shows as gaps in the sequence numbers
and must be exactly the lapses that the oracle predicts and the firings that the log tells of.
Invariant: once a disagreement leaves a user's account in doubt, the rest of that user's history
is not judged, for it could only echo it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct, structs

from generator.oracle import Oracle
from generator.oracle_account import Side, Snapshot
from generator.oracle_rules import Expected
from protocol.errors import Code
from protocol.messages import (
    Command,
    DisplaySummary,
    HoldingLine,
    OrderLine,
    QuoteRequest,
    Receipt,
    Refused,
    Summary,
    TriggerLine,
)

PRICE_AGE_MAX_MS = 60_000

Reply = Receipt | Refused | Summary


class Firing(NamedTuple):
    """A trigger that fired, as the log tells it."""

    side: Side
    symbol: str
    price_cents: int
    at_ms: int


class UserHistory(Struct, frozen=True, gc=False):
    """All of one user from an empty system on: replies by sequence number, firings in log order.

    :ivar unshown: the numbers of summaries of which only the journal's Receipt is known.
    """

    user: str
    exchanges: list[tuple[Command, Reply]]
    firings: list[Firing]
    unshown: frozenset[int] = frozenset()


class Disagreement(Struct, frozen=True, gc=False):
    """Where a reply is not what the rules say; no command where the system acted by itself."""

    user: str
    seq: int
    command: Command | None
    expected: str
    got: str


def check_history(histories: Iterable[UserHistory]) -> list[Disagreement]:
    """Replay the histories, each of another user, and return all disagreements.

    Raises ValueError on a command that stands in another user's history.
    """
    found: list[Disagreement] = []
    for history in histories:
        found += _Replay(history).disagreements()
    return found


class _InDoubt(Exception):
    """The account can no longer be told; raised once the disagreement has been noted."""


class _Replay:
    """One user's history against an oracle of its own."""

    __slots__ = ("_found", "_firings", "_history", "_last_ms", "_oracle", "_seq")

    def __init__(self, history: UserHistory) -> None:
        self._history = history
        self._firings = list(history.firings)
        self._oracle = Oracle()
        self._seq = 0
        self._last_ms = 0
        self._found: list[Disagreement] = []

    def disagreements(self) -> list[Disagreement]:
        """Replay everything once; firings after the last reply come last."""
        try:
            for command, reply in self._history.exchanges:
                if command.user != self._history.user:
                    raise ValueError(f"{command!r} is not of {self._history.user}")
                self._explain_gap(command, reply)
                self._check_reply(command, reply)
                self._seq = reply.seq
                self._last_ms = reply.decided_ms
            while self._firings:
                self._seq += 1
                self._replay_firing(self._seq)
        except _InDoubt:
            pass
        return self._found

    def _note(self, seq: int, command: Command | None, expected: str, got: str) -> None:
        self._found.append(Disagreement(self._history.user, seq, command, expected, got))

    def _explain_gap(self, command: Command, reply: Reply) -> None:
        """Account for every journal entry since the last reply: lapses first, then firings.

        Their order among themselves does not matter: both only give back or trade what one order
        or one trigger held.
        """
        entries = reply.seq - self._seq - 1
        if entries < 0:
            self._note(reply.seq, command, f"seq above {self._seq}", f"seq {reply.seq}")
            raise _InDoubt
        lapses = len(self._oracle.lapse(command.user, reply.decided_ms))
        firings = entries - lapses
        if not 0 <= firings <= len(self._firings):
            expected = f"{lapses} lapses and at most {len(self._firings)} firings"
            self._note(reply.seq, command, expected, f"{entries} entries of the system")
            raise _InDoubt
        for entry in range(firings):
            self._replay_firing(self._seq + entry + 1)
        if reply.decided_ms < self._last_ms:
            got = f"decided at {reply.decided_ms}"
            self._note(reply.seq, command, f"decided at {self._last_ms} or later", got)

    def _replay_firing(self, seq: int) -> None:
        side, symbol, price_cents, at_ms = self._firings.pop(0)
        got = f"{side} trigger of {symbol} fired at {price_cents} cents"
        if at_ms < self._last_ms:
            self._note(seq, None, f"fired at {self._last_ms} or later", f"{got}, at {at_ms}")
        if self._oracle.fire(self._history.user, side, symbol, price_cents, at_ms) is None:
            self._note(seq, None, "no such firing", got)
            raise _InDoubt
        self._last_ms = max(self._last_ms, at_ms)

    def _check_reply(self, command: Command, reply: Reply) -> None:
        price_cents, quoted_ms = _price_of(reply)
        expected = self._oracle.expect(
            command,
            at_ms=reply.decided_ms,
            price_cents=price_cents if price_cents > 0 else None,
        )
        self._check_price(command, reply, expected)
        self._check_outcome(command, reply, expected)
        if isinstance(reply, Receipt):
            if isinstance(command, QuoteRequest):
                valid_until_ms = quoted_ms + PRICE_AGE_MAX_MS
                expected = structs.replace(expected, valid_until_ms=valid_until_ms)
            self._compare(command, reply, _numbers(expected), _numbers(reply))
        elif isinstance(reply, Summary):
            snapshot = self._oracle.snapshot(command.user)
            self._compare(command, reply, _contents(snapshot), _shown(reply))

    def _check_price(self, command: Command, reply: Reply, expected: Expected) -> None:
        """Judge the price as such: there where needed, and only there, above 0, and fresh."""
        price_cents, quoted_ms = _price_of(reply)
        age_ms = reply.decided_ms - quoted_ms
        unavailable = isinstance(reply, Refused) and reply.code == Code.QUOTE_UNAVAILABLE
        if price_cents < 0 or (price_cents == 0 and quoted_ms != 0):
            self._note(reply.seq, command, "a price above 0", f"price_cents {price_cents}")
            raise _InDoubt
        if expected.needs_price and price_cents == 0 and not unavailable:
            self._note(reply.seq, command, "a price", "none")
            raise _InDoubt
        if expected.price_cents == 0 and price_cents != 0:
            self._note(reply.seq, command, "no price", f"price_cents {price_cents}")
        elif expected.needs_price and price_cents != 0 and age_ms > PRICE_AGE_MAX_MS:
            self._note(reply.seq, command, "a price of at most 60 s", f"{age_ms} ms old")

    def _check_outcome(self, command: Command, reply: Reply, expected: Expected) -> None:
        """Judge whether the command was taken at all, and by which kind of reply or code."""
        said = _outcome(reply)
        must_say = Code(expected.code).name
        if expected.accepted:
            is_shown = reply.seq not in self._history.unshown
            is_summary = isinstance(command, DisplaySummary) and is_shown
            must_say = "Summary" if is_summary else "Receipt"
        if said != must_say:
            self._note(reply.seq, command, must_say, said)
            if expected.accepted or not isinstance(reply, Refused):
                raise _InDoubt

    def _compare(
        self,
        command: Command,
        reply: Reply,
        expected: dict[str, object],
        got: dict[str, object],
    ) -> None:
        """Note each field that differs, unless the rules leave it open."""
        for name, value in expected.items():
            if value is not None and got[name] != value:
                self._note(reply.seq, command, f"{name} {value}", f"{name} {got[name]}")


def _price_of(reply: Reply) -> tuple[int, int]:
    if isinstance(reply, Summary):
        return 0, 0
    return reply.price_cents, reply.quoted_ms


def _outcome(reply: Reply) -> str:
    if not isinstance(reply, Refused):
        return type(reply).__name__
    return Code(reply.code).name if reply.code in set(Code) else f"code {reply.code}"


def _numbers(said: Expected | Receipt) -> dict[str, object]:
    return {
        "shares": said.shares,
        "total_cents": said.total_cents,
        "valid_until_ms": said.valid_until_ms,
    }


def _contents(snapshot: Snapshot) -> dict[str, object]:
    """What a Summary of this account must show, each list sorted."""
    pending = snapshot["pending_buys"] + snapshot["pending_sells"]
    return {
        "exists": snapshot["exists"],
        "cash_cents": snapshot["cash_cents"],
        "reserve_cents": snapshot["reserve_cents"],
        "holdings": _sorted(HoldingLine(*line) for line in snapshot["holdings"].items()),
        "orders": _sorted(
            OrderLine(**structs.asdict(order), valid_until_ms=order.valid_until_ms)
            for order in pending
        ),
        "triggers": _sorted(TriggerLine(**trigger) for trigger in snapshot["triggers"]),
    }


def _shown(summary: Summary) -> dict[str, object]:
    """The same fields as the Summary has them; a holding of no shares is as good as none."""
    return {
        "exists": summary.exists,
        "cash_cents": summary.cash_cents,
        "reserve_cents": summary.reserve_cents,
        "holdings": _sorted(line for line in summary.holdings if line.shares),
        "orders": _sorted(summary.orders),
        "triggers": _sorted(summary.triggers),
    }


def _sorted(lines: Iterable[Struct]) -> list[Struct]:
    return sorted(lines, key=structs.astuple)
