"""The driver: plays a workload, each user's commands in order, over whatever nodes are up.

Used by the `daytrade` command. Ids are made before the first send and kept: what a lost node did
not answer is sent again, in order and under the same ids, to another one, and is applied once.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from generator.dumplogs import DumpLogs
from generator.fleet import Fleet, NoNode
from generator.ids import CommandIds
from generator.result import Outcome
from generator.workload import Line
from protocol.errors import Code
from protocol.messages import Command, DumpLog, Error, Message, Refused
from service.balancer import Balancer

ANSWER_S_MAX = 60.0
"""A command that was not answered this long after it was first sent has an unknown outcome; a run
that has had no node for as long is over.
"""

RETRY_S = 0.2
"""Pause before a command that a server could not take is sent again."""

_LOOK_EVERY_S = 1.0

OnReply = Callable[[Command, Message | None, Outcome, int], None]
"""Called with each command, its answer (None: unknown), and the latency in microseconds."""


class Sent:
    """A command on its way."""

    __slots__ = ("command", "command_id", "first_sent_s")

    def __init__(self, command_id: bytes, command: Command, first_sent_s: float) -> None:
        self.command_id = command_id
        self.command = command
        self.first_sent_s = first_sent_s


class UserRun:
    """One user's part of the workload.

    :ivar node: where the outstanding commands are; None while no node is up.
    :ivar outstanding: sent and not answered, in order.
    """

    __slots__ = ("node", "outstanding", "rest", "user")

    def __init__(self, user: str) -> None:
        self.user = user
        self.rest: deque[Command] = deque()
        self.outstanding: OrderedDict[bytes, Sent] = OrderedDict()
        self.node: str | None = None

    @property
    def is_done(self) -> bool:
        """Every command was answered or given up."""
        return not self.rest and not self.outstanding


class Driver:
    """Plays lines over a fleet.

    :param outstanding_max: how many commands of one user may wait for their answer.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        fleet: Fleet,
        balancer: Balancer,
        ids: CommandIds,
        on_reply: OnReply,
        dumplogs: DumpLogs,
        outstanding_max: int = 1,
    ) -> None:
        self._clock = clock
        self._fleet = fleet
        self._balancer = balancer
        self._ids = ids
        self._on_reply = on_reply
        self._dumplogs = dumplogs
        self._outstanding_max = outstanding_max
        self._runs: dict[str, UserRun] = {}
        self._undone = 0
        self._last_up_s = clock.seconds()
        self._done: Deferred[None] = Deferred()
        self._look = LoopingCall(self._give_up_late)
        self._look.clock = clock
        fleet.on_up = self._node_up
        fleet.on_down = self._node_down

    async def play(self, lines: Iterable[Line]) -> None:
        """Send everything, and return when the last user has every answer.

        Raises `NoNode` when no node was up for `ANSWER_S_MAX`.
        """
        for line in lines:
            run = self._runs.get(line.command.user)
            if run is None:
                run = self._runs[line.command.user] = UserRun(line.command.user)
            run.rest.append(line.command)
        self._undone = len(self._runs)
        if not self._undone:
            return
        self._last_up_s = self._clock.seconds()
        for name in self._balancer.healthy - self._fleet.up.keys():
            self._balancer.mark_down(name)
        self._look.start(_LOOK_EVERY_S, now=False)
        for run in list(self._runs.values()):
            self._advance(run)
        try:
            await self._done
        finally:
            if self._look.running:
                self._look.stop()

    # Sending.

    def _advance(self, run: UserRun) -> None:
        """Send what may be sent for a user now."""
        if not run.outstanding:
            run.node = self._balancer.node_for(run.user)
        if run.node is None or self._wants_to_move(run):
            return
        while run.rest and len(run.outstanding) < self._outstanding_max:
            sent = Sent(self._ids.next(), run.rest.popleft(), self._clock.seconds())
            run.outstanding[sent.command_id] = sent
            self._send(run, sent)

    def _wants_to_move(self, run: UserRun) -> bool:
        """The user's own node is back: move there as soon as nothing is outstanding elsewhere."""
        return bool(run.outstanding) and self._balancer.node_for(run.user) != run.node

    def _send(self, run: UserRun, sent: Sent) -> None:
        assert run.node is not None
        node = self._fleet.up.get(run.node)
        if node is not None:
            command = sent.command
            on_part = self._dumplogs.begin(command) if isinstance(command, DumpLog) else None
            node.ask(sent.command_id, command, partial(self._answered, run, sent), on_part)

    # Being answered.

    def _answered(self, run: UserRun, sent: Sent, reply: Message) -> None:
        if sent.command_id not in run.outstanding:
            return
        if isinstance(reply, Error) and may_be_sent_again(reply.code):
            self._clock.callLater(RETRY_S, self._send_again, run, sent)
            return
        is_refused = isinstance(reply, Error | Refused)
        self._settle(run, sent, reply, Outcome.REFUSED if is_refused else Outcome.ACCEPTED)

    def _send_again(self, run: UserRun, sent: Sent) -> None:
        if sent.command_id in run.outstanding and run.node is not None:
            self._send(run, sent)

    def _settle(self, run: UserRun, sent: Sent, reply: Message | None, outcome: Outcome) -> None:
        del run.outstanding[sent.command_id]
        latency_us = int((self._clock.seconds() - sent.first_sent_s) * 1_000_000)
        self._on_reply(sent.command, reply, outcome, latency_us)
        if run.rest:
            self._advance(run)
        elif run.is_done:
            self._undone -= 1
            if not self._undone:
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
            if not run.is_done:
                self._advance(run)
        if self._undone and self._last_up_s < too_late_s:
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
        run.node = self._balancer.node_for(run.user)
        if run.node is not None:
            for sent in list(run.outstanding.values()):
                self._send(run, sent)
            self._advance(run)


def may_be_sent_again(code: int) -> bool:
    """The server did not take the command, for a reason that may pass."""
    return code == Code.DRAINING or code >= Code.INTERNAL
