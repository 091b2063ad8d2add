"""A benchmark client: a process that plays rounds of a load, many users over few connections.

`python -m benchmarks.client` reads JSON lines from standard input, a `ClientSpec` and then a
`RoundSpec` for each round, and answers each round with a `RoundFigures`. It ends when its
input does.
"""

import os
import resource
import selectors
import sys
import time
from collections import Counter
from collections.abc import Sequence

import msgspec
from hdrh.histogram import HdrHistogram
from msgspec import Struct

from benchmarks.load import LoadIds, UserLoad, make_load
from benchmarks.session import Session
from protocol.messages import Error, Receipt, Refused, Summary

LATENCY_MAX_US = 60_000_000
LATENCY_DIGITS = 3
_DRAIN_S_MAX = 30.0
_ACCEPTED = frozenset([Receipt.KIND, Summary.KIND])


class ClientSpec(Struct, frozen=True):
    """What a client plays, the same in all rounds.

    :ivar nodes: `tcp:HOST:PORT` of each node; users are spread over them in turn.
    :ivar part, parts: which of the clients this is; each plays its share of the users.
    """

    nodes: list[str]
    name: str
    password: str
    users: int
    commands_per_user: int
    seed: int
    part: int = 0
    parts: int = 1
    symbols: int | None = None


class RoundSpec(Struct, frozen=True):
    """One round.

    :ivar nodes: how many of the nodes are played on.
    :ivar rate: commands/s sent whatever comes back (open loop); None: each user sends the next
        command when one was answered (closed loop).
    """

    seconds: float
    outstanding: int
    nodes: int
    rate: float | None = None


class RoundFigures(Struct, frozen=True):
    """What a client saw in a round; the histogram is HdrHistogram's encoded form, microseconds."""

    wall_s: float
    accepted: int
    refused: int
    failed: int
    cpu_s: float
    histogram: str


class Round:
    """One round being played."""

    def __init__(self, spec: ClientSpec, round_spec: RoundSpec, loads: list[UserLoad]) -> None:
        self._round = round_spec
        self._mine = loads[spec.part :: spec.parts]
        self._loads = loads
        self._ids = LoadIds(os.urandom(2))
        nodes = spec.nodes[: round_spec.nodes]
        self._sessions = [Session(node, spec.name, spec.password) for node in nodes]
        self._sent_s: dict[bytes, float] = {}
        self._latencies_us: Counter[int] = Counter()
        self._kinds: Counter[int] = Counter()
        self._now_s = 0.0
        self._is_over = False

    def play(self) -> RoundFigures:
        """Play to the end; what is answered after it does not count."""
        selector = selectors.DefaultSelector()
        for session in self._sessions:
            selector.register(session.socket, selectors.EVENT_READ, session)
        cpu_s = _cpu_s()
        self._look_at_the_clocks()
        started_s = self._now_s
        if self._round.rate is None:
            self._fill()
            self._loop(selector, started_s + self._round.seconds)
        else:
            self._loop_at_rate(selector, started_s, self._round.rate)
        wall_s = time.perf_counter() - started_s
        figures = self._figures(wall_s, _cpu_s() - cpu_s)
        self._is_over = True
        self._loop(selector, time.perf_counter() + _DRAIN_S_MAX)
        for session in self._sessions:
            session.close()
        return figures

    def _look_at_the_clocks(self) -> None:
        self._now_s = time.perf_counter()
        self._ids.now_ms = time.time_ns() // 1_000_000

    def _figures(self, wall_s: float, cpu_s: float) -> RoundFigures:
        accepted = sum(self._kinds[kind] for kind in _ACCEPTED)
        refused, failed = self._kinds[Refused.KIND], self._kinds[Error.KIND]
        histogram = HdrHistogram(1, LATENCY_MAX_US, LATENCY_DIGITS)
        for latency_us, count in self._latencies_us.items():
            histogram.record_value(min(max(1, latency_us), LATENCY_MAX_US), count)
        encoded = histogram.encode().decode()
        return RoundFigures(wall_s, accepted, refused, failed, cpu_s, encoded)

    # Sending.

    def _fill(self) -> None:
        """Let every user have as many commands on their way as may be."""
        places = [load.place for load in self._mine for _ in range(self._round.outstanding)]
        self._send(places, self._now_s)

    def _send(self, places: Sequence[int], sent_s: float) -> None:
        """Send the next command of the user at each place."""
        loads, sessions = self._loads, self._sessions
        ids = self._ids.next(places)
        self._sent_s.update(dict.fromkeys(ids, sent_s))
        for place, command_id in zip(places, ids, strict=True):
            head, body = loads[place].next_command()
            sessions[place % len(sessions)].queue += (head, command_id, body)

    def _loop(self, selector: selectors.BaseSelector, until_s: float) -> None:
        """Answer replies with new commands; once the round is over, only wait for the rest."""
        self._flush(selector)
        while self._now_s < until_s and self._sent_s:
            self._turn(selector, until_s - self._now_s)

    def _loop_at_rate(
        self, selector: selectors.BaseSelector, started_s: float, rate: float
    ) -> None:
        """Send at a fixed rate; a latency counts from when its command was due."""
        sent = 0
        total = int(rate * self._round.seconds)
        while sent < total or self._now_s < started_s + self._round.seconds:
            due = min(total, int((self._now_s - started_s) * rate) + 1)
            for number in range(sent, due):
                place = self._mine[number % len(self._mine)].place
                self._send([place], started_s + number / rate)
            sent = max(sent, due)
            self._flush(selector)
            self._turn(selector, max(0.0, started_s + sent / rate - self._now_s))

    def _flush(self, selector: selectors.BaseSelector) -> None:
        for session in self._sessions:
            events = selectors.EVENT_READ
            if not session.flush():
                events |= selectors.EVENT_WRITE
            selector.modify(session.socket, events, session)

    # Being answered.

    def _turn(self, selector: selectors.BaseSelector, timeout_s: float) -> None:
        ready = selector.select(timeout_s)
        self._look_at_the_clocks()
        for key, events in ready:
            if events & selectors.EVENT_READ:
                self._take(*key.data.receive())
        self._flush(selector)

    def _take(self, kinds: list[int], ids: list[bytes]) -> None:
        # What was sent in one turn, and is answered in one, took equally long.
        sent_together = Counter(map(self._sent_s.pop, ids))
        if self._is_over:
            return
        for sent_s, count in sent_together.items():
            self._latencies_us[int((self._now_s - sent_s) * 1e6)] += count
        self._kinds.update(kinds)
        if self._round.rate is None:
            self._send(LoadIds.places_of(ids), self._now_s)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Play the rounds that standard input asks for."""
    spec = msgspec.json.decode(sys.stdin.readline(), type=ClientSpec)
    loads = make_load(spec.users, spec.commands_per_user, spec.seed, spec.symbols)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        figures = Round(spec, msgspec.json.decode(line, type=RoundSpec), loads).play()
        sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
