"""What the client saw of each fault: how long until the first acknowledgement, and what came after.

Pure; used by the chaos run and its tests. Times are those of the reactor's clock.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from daytrade.chaos.plan import Fault, Kind, Part
from generator.exactly_once import Verdict
from generator.history import Exchange
from generator.result import Outcome
from generator.user_run import Sent


class Strike(Struct):
    """A fault that was inflicted.

    :ivar at_s, at_ms: when it began, by the reactor's clock and in Unix ms; for a disk that was
        full, `at_s` is when it had room again.
    :ivar users: whose commands it stands in the way of; None: everybody's.
    :ivar first_ack_s: from the fault to the first answer to a command of theirs, sent or sent
        again after it.
    :ivar back_s: from the fault until the part that was hit did its work again.
    """

    fault: Fault
    at_s: float
    at_ms: int
    users: frozenset[str] | None = None
    first_ack_s: float | None = None
    back_s: float | None = None


class Strikes:
    """All faults of a run so far.

    :ivar done: in the order in which they were inflicted.
    """

    def __init__(self) -> None:
        self.done: list[Strike] = []
        self._waiting: list[Strike] = []

    def begin(self, strike: Strike) -> None:
        """A fault begins now."""
        self.done.append(strike)
        self._waiting.append(strike)

    def begin_again(self, strike: Strike, now_s: float) -> None:
        """What stood in the way is gone only now: count from here."""
        strike.at_s, strike.first_ack_s = now_s, None
        if strike not in self._waiting:
            self._waiting.append(strike)

    def settled(self, sent: Sent, outcome: Outcome, now_s: float) -> None:
        """Take note of a command that ended."""
        if outcome is Outcome.UNKNOWN or not self._waiting:
            return
        for strike in list(self._waiting):
            if sent.last_sent_s < strike.at_s:
                continue
            after_s = now_s - strike.at_s
            is_theirs = strike.users is None or sent.command.user in strike.users
            if strike.first_ack_s is None and is_theirs:
                strike.first_ack_s = after_s
            if _is_node(strike) and sent.node == strike.fault.target:
                strike.back_s = after_s
            if strike.first_ack_s is not None and (strike.back_s or not _is_node(strike)):
                self._waiting.remove(strike)


def _is_node(strike: Strike) -> bool:
    return strike.fault.kind.part is Part.NODE


class Row(Struct):
    """One kind of fault, and the commands first sent after one of it and before the next fault."""

    kind: Kind | None
    times: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    unresolved: int = 0
    first_acks_s: list[float] = field(default_factory=list)
    backs_s: list[float] = field(default_factory=list)
    never_acked: int = 0


def table_rows(
    strikes: Sequence[Strike], history: Iterable[Exchange], verdict: Verdict
) -> list[Row]:
    """The rows of the table, by kind; the first one is for what was sent before any fault."""
    rows: dict[Kind | None, Row] = {None: Row(None)}
    for strike in strikes:
        row = rows.setdefault(strike.fault.kind, Row(strike.fault.kind))
        row.times += 1
        if strike.first_ack_s is None:
            row.never_acked += 1
        else:
            row.first_acks_s.append(strike.first_ack_s)
        if strike.back_s is not None:
            row.backs_s.append(strike.back_s)
    lost, doubled = verdict.ids_lost, verdict.ids_doubled
    begun = list(strikes)
    current = rows[None]
    for exchange in history:
        while begun and begun[0].at_ms <= exchange.sent_ms:
            current = rows[begun.pop(0).fault.kind]
        current.acknowledged += exchange.is_answered
        current.unresolved += not exchange.is_answered
        current.lost += exchange.command_id in lost
        current.doubled += exchange.command_id in doubled
    return [rows[None], *(rows[kind] for kind in sorted(k for k in rows if k is not None))]
