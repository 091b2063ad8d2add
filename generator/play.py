"""One run of a workload from its lines to its result: users first, the administrator's log last.

Used by the `daytrade` command and by tests.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from generator.driver import Driver, Pace, may_be_sent_again
from generator.dumplogs import DumpLogs
from generator.fleet import Fleet
from generator.history import HistoryFile, Unanswered
from generator.ids import CommandIds
from generator.progress import Progress
from generator.result import Outcome, RunResult
from generator.user_run import Sent
from generator.workload import Line
from protocol.errors import TradeError
from protocol.messages import Command, DumpLog, Error, Message, Receipt, Refused, Summary
from service.balancer import Balancer
from service.client import ConnectionEnded, connect
from service.credentials import Credential

Reply = Receipt | Refused | Summary

_ONE_BY_ONE = Pace()


class Answered(Struct, frozen=True, gc=False):
    """A command with the reply that is in the journal."""

    command: Command
    reply: Reply


class Play:
    """A run over some nodes.

    :param administrator: who asks for everybody's log; None: the same as for the users.
    :param keep: keep all replies in `answered`, for the oracle.
    :param history: where each command is noted before it is sent, and how it ended.
    :param unanswered: what an earlier play of the same lines, cut short, has left to be done.
    :param on_settled: called with each command of a user that ended.
    :ivar driver: for those who watch the play.
    :ivar unknown_users: users of whom some command's outcome is unknown.
    """

    def __init__(
        self,
        clock: IReactorTime,
        nodes: Mapping[str, IStreamClientEndpoint],
        credential: Credential,
        administrator: Credential | None,
        ids: CommandIds,
        dumplogs: DumpLogs,
        random: Callable[[], float],
        *,
        pace: Pace = _ONE_BY_ONE,
        keep: bool = False,
        history: HistoryFile | None = None,
        unanswered: Unanswered | None = None,
        on_settled: Callable[[Sent, Outcome], None] = lambda _sent, _outcome: None,
    ) -> None:
        self._clock = clock
        self._nodes = nodes
        self._administrator = administrator or credential
        self._ids = ids
        self._dumplogs = dumplogs
        self._keep = keep
        self._progress: Progress | None = None
        self._fleet = Fleet(clock, nodes, credential, random)
        self._history = history
        self._unanswered = unanswered or Unanswered(())
        self._on_settled = on_settled
        self.driver = Driver(
            clock,
            self._fleet,
            Balancer(nodes),
            self._id_for,
            self._replied,
            dumplogs,
            random,
            pace,
        )
        self.result = RunResult()
        self.answered: list[Answered] = []
        self.unknown_users: set[str] = set()

    async def run(self, lines: Iterable[Line], begin_progress: Callable[[], Progress]) -> None:
        """Play all lines; raises `NoNode` where not one node can be reached."""
        everybody: list[DumpLog] = []
        users: list[Line] = []
        for line in self._unanswered.rest_of(lines):
            if isinstance(line.command, DumpLog) and not line.command.user:
                everybody.append(line.command)
            else:
                users.append(line)
        await self._fleet.open()
        self._progress = begin_progress()
        try:
            started_s = self._clock.seconds()
            await self.driver.play(users)
            self.result.wall_s = self._clock.seconds() - started_s
            for command in everybody:
                await self._dump_everybody(command)
        finally:
            await self._fleet.close()
            self._dumplogs.close()
            self._progress.finish()

    def cut(self, node: str) -> None:
        """Let go of the connection to a node; what it has not answered is sent again."""
        self._fleet.cut(node)

    def _id_for(self, command: Command) -> bytes:
        """An id for a command, noted before anybody can send it."""
        command_id = self._unanswered.take_id(command) or self._ids.next()
        if self._history is not None:
            self._history.sending(command_id, command)
        return command_id

    def _replied(
        self, sent: Sent, reply: Message | None, outcome: Outcome, latency_us: int
    ) -> None:
        command = sent.command
        if self._history is not None:
            self._history.ended(sent.command_id, outcome, reply, sent.sends)
        self.result.record(command.NAME, outcome, latency_us)
        if self._progress is not None:
            self._progress.advance(1)
        if outcome is Outcome.UNKNOWN:
            self.unknown_users.add(command.user)
        elif self._keep and isinstance(reply, Receipt | Refused | Summary):
            self.answered.append(Answered(command, reply))
        self._on_settled(sent, outcome)

    async def _dump_everybody(self, command: DumpLog) -> None:
        """The administrator's DUMPLOG, from the first node that will."""
        started_s = self._clock.seconds()
        outcome = Outcome.UNKNOWN
        reply: Message | None = None
        command_id = self._id_for(command)
        for endpoint in self._nodes.values():
            try:
                node = await connect(
                    endpoint, self._clock, "daytrade generator", self._administrator
                )
            except (TradeError, ConnectionEnded, ConnectError):
                continue
            try:
                sink = self._dumplogs.begin(command)
                reply = await node.request(command, command_id, sink)
                is_accepted = isinstance(reply, Receipt)
                outcome = Outcome.ACCEPTED if is_accepted else Outcome.REFUSED
            except TradeError as refusal:
                outcome, reply = Outcome.REFUSED, Error(refusal.code, refusal.message)
                if may_be_sent_again(refusal.code):
                    continue
            except ConnectionEnded:
                continue
            finally:
                node.close()
            break
        if self._history is not None:
            self._history.ended(command_id, outcome, reply)
        latency_us = int((self._clock.seconds() - started_s) * 1_000_000)
        self.result.final_dumplog.record(outcome, latency_us)
        if self._progress is not None:
            self._progress.advance(1)
