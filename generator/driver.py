"""The driver: plays a workload, each user's commands in order, over whatever nodes are up.

Used by the `daytrade` command. Ids are made before the first send and kept: what a lost node did
not answer is sent again, in order and under the same ids, to another one, and is applied once.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from generator.dumplogs import DumpLogs
from generator.fleet import Fleet, NoNode
from generator.result import Outcome
from generator.user_run import Sent, UserRun
from generator.workload import Line
from protocol.errors import Code
from protocol.messages import Command, DumpLog, Error, Message, Refused
from service.balancer import Balancer

ANSWER_S_MAX = 60.0
"""A command that was not answered this long after it was first sent has an unknown outcome; a run
that has had no node for as long is over.
"""

RETRY_S = 0.1
RETRY_S_MAX = 3.0
"""Pause before a command that a server could not take is sent again: it doubles from the first to
the last, and each is drawn anew from its upper half, lest all come back at once.
"""

_LOOK_EVERY_S = 1.0
_RELEASE_EVERY_S = 0.005

OnReply = Callable[[Sent, Message | None, Outcome, int], None]
"""Called with each command, its answer (None: unknown), and the latency in microseconds."""


class Pace(Struct, frozen=True):
    """How fast to send.

    :ivar outstanding: how many commands of one user may wait for their answer.
    :ivar rate_per_s: commands of all users together that fall due each second, whatever becomes of
        those before them (open loop); None: each as soon as its user may send it.
    """

    outstanding: int = 1
    rate_per_s: float | None = None


class Driver:
    """Plays lines over a fleet.

    :param id_for: the id of a command that is to be sent for the first time; whatever keeps ids
        keeps it before this returns.
    :param random: gives the jitter of the pauses, from 0 to 1.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        fleet: Fleet,
        balancer: Balancer,
        id_for: Callable[[Command], bytes],
        on_reply: OnReply,
        dumplogs: DumpLogs,
        random: Callable[[], float],
        pace: Pace,
    ) -> None:
        self._clock = clock
        self._fleet = fleet
        self._balancer = balancer
        self._id_for = id_for
        self._on_reply = on_reply
        self._dumplogs = dumplogs
        self._random = random
        self._pace = pace
        self._runs: dict[str, UserRun] = {}
        self._lines: deque[Line] = deque()
        self._released = 0
        self._unsettled = 0
        self._started_s = self._last_up_s = clock.seconds()
        self._done: Deferred[None] = Deferred()
        self._look = LoopingCall(self._give_up_late)
        self._release = LoopingCall(self._release_due)
        self._look.clock = self._release.clock = clock
        fleet.on_up = self._node_up
        fleet.on_down = self._node_down

    async def play(self, lines: Iterable[Line]) -> None:
        """Send everything, and return when the last user has every answer.

        Raises `NoNode` when no node was up for `ANSWER_S_MAX`.
        """
        self._lines.extend(lines)
        self._unsettled = len(self._lines)
        if not self._unsettled:
            return
        self._started_s = self._last_up_s = self._clock.seconds()
        for name in self._balancer.healthy - self._fleet.up.keys():
            self._balancer.mark_down(name)
        self._look.start(_LOOK_EVERY_S, now=False)
        self._release.start(_RELEASE_EVERY_S)
        try:
            await self._done
        finally:
            for call in (self._look, self._release):
                if call.running:
                    call.stop()

    def node_of(self, user: str) -> str | None:
        """Where a user's commands go now."""
        run = self._runs.get(user)
        return self._balancer.node_for(user) if run is None else run.node

    # Sending.

    def _release_due(self) -> None:
        """Let the users have the lines that are due by now."""
        rate_per_s = self._pace.rate_per_s
        now_s = self._clock.seconds()
        runs: dict[str, UserRun] = {}
        while self._lines:
            due_s = None
            if rate_per_s is not None:
                due_s = self._started_s + self._released / rate_per_s
                if due_s > now_s:
                    break
            command = self._lines.popleft().command
            self._released += 1
            run = self._runs.get(command.user)
            if run is None:
                run = self._runs[command.user] = UserRun(command.user)
            run.rest.append((command, due_s))
            runs[run.user] = run
        for run in runs.values():
            self._advance(run)
        if not self._lines and self._release.running:
            self._release.stop()

    def _advance(self, run: UserRun) -> None:
        """Send what may be sent for a user now."""
        if not run.outstanding:
            run.node = self._balancer.node_for(run.user)
        if run.node is None or run.retry is not None or self._wants_to_move(run):
            return
        while run.rest and len(run.outstanding) < self._pace.outstanding:
            command, due_s = run.rest.popleft()
            now_s = self._clock.seconds()
            sent = Sent(self._id_for(command), command, due_s or now_s, now_s)
            run.outstanding[sent.command_id] = sent
            self._send(run, sent)

    def _wants_to_move(self, run: UserRun) -> bool:
        """The user's own node is back: move there as soon as nothing is outstanding elsewhere."""
        return bool(run.outstanding) and self._balancer.node_for(run.user) != run.node

    def _send(self, run: UserRun, sent: Sent) -> None:
        assert run.node is not None
        node = self._fleet.up.get(run.node)
        sent.node, sent.is_refused = run.node, False
        if node is not None:
            sent.sends += 1
            sent.last_sent_s = self._clock.seconds()
            command = sent.command
            on_part = self._dumplogs.begin(command) if isinstance(command, DumpLog) else None
            node.ask(sent.command_id, command, partial(self._answered, run, sent), on_part)

    # Being answered.

    def _answered(self, run: UserRun, sent: Sent, reply: Message) -> None:
        if sent.command_id not in run.outstanding:
            return
        if isinstance(reply, Error) and may_be_sent_again(reply.code):
            sent.is_refused = True
            if run.retry is None:
                run.retry = self._clock.callLater(self._pause_s(run), self._send_again, run)
            return
        is_refused = isinstance(reply, Error | Refused)
        self._settle(run, sent, reply, Outcome.REFUSED if is_refused else Outcome.ACCEPTED)

    def _pause_s(self, run: UserRun) -> float:
        """How long a user's commands rest; nothing new is sent meanwhile, to keep their order."""
        longest_s = min(RETRY_S * 2.0 ** min(run.refusals, 16), RETRY_S_MAX)
        run.refusals += 1
        return longest_s * (1.0 + self._random()) / 2.0

    def _send_again(self, run: UserRun) -> None:
        run.retry = None
        if run.node is not None:
            for sent in [sent for sent in run.outstanding.values() if sent.is_refused]:
                self._send(run, sent)
        self._advance(run)

    def _settle(self, run: UserRun, sent: Sent, reply: Message | None, outcome: Outcome) -> None:
        del run.outstanding[sent.command_id]
        run.refusals = 0
        latency_us = int((self._clock.seconds() - sent.due_s) * 1_000_000)
        self._on_reply(sent, reply, outcome, latency_us)
        self._unsettled -= 1
        if run.rest:
            self._advance(run)
        elif not self._unsettled:
            self._clock.callLater(0, self._done.callback, None)

    def _give_up_late(self) -> None:
        """What has been waiting too long has an unknown outcome; it is never guessed."""
        now_s = self._clock.seconds()
        too_late_s = now_s - ANSWER_S_MAX
        if self._fleet.up:
            self._last_up_s = now_s
        for run in self._runs.values():
            for sent in list(run.outstanding.values()):
                if sent.first_sent_s < too_late_s:
                    self._settle(run, sent, None, Outcome.UNKNOWN)
            self._advance(run)
        if self._unsettled and self._last_up_s < too_late_s:
            self._look.stop()
            gone = NoNode(f"no node has been up for {ANSWER_S_MAX:.0f} s; the run is given up")
            self._clock.callLater(0, self._done.errback, gone)

    # Nodes that come and go.

    def _node_up(self, name: str) -> None:
        self._balancer.mark_up(name)
        for run in self._runs.values():
            if run.node is None:
                self._move(run)

    def _node_down(self, name: str) -> None:
        self._balancer.mark_down(name)
        for run in self._runs.values():
            if run.node == name:
                self._move(run)

    def _move(self, run: UserRun) -> None:
        """Send everything outstanding again, in order, to the node that is the user's now."""
        if run.retry is not None:
            run.retry.cancel()
            run.retry = None
        run.node = self._balancer.node_for(run.user)
        if run.node is not None:
            for sent in list(run.outstanding.values()):
                self._send(run, sent)
            self._advance(run)


def may_be_sent_again(code: int) -> bool:
    """The server did not take the command, for a reason that may pass."""
    return code == Code.DRAINING or code >= Code.INTERNAL
