"""One run of a workload from its lines to its result: users first, the administrator's log last.

Used by the `daytrade` command and by tests.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from generator.driver import Driver, may_be_sent_again
from generator.dumplogs import DumpLogs
from generator.fleet import Fleet
from generator.ids import CommandIds
from generator.progress import Progress
from generator.result import Outcome, RunResult
from generator.workload import Line
from protocol.errors import TradeError
from protocol.messages import Command, DumpLog, Message, Receipt, Refused, Summary
from service.balancer import Balancer
from service.client import ConnectionEnded, connect
from service.credentials import Credential

Reply = Receipt | Refused | Summary


class Answered(Struct, frozen=True, gc=False):
    """A command with the reply that is in the journal."""

    command: Command
    reply: Reply


class Play:
    """A run over some nodes.

    :param administrator: who asks for everybody's log; None: the same as for the users.
    :param keep: keep all replies in `answered`, for the oracle.
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
        outstanding: int = 1,
        keep: bool = False,
    ) -> None:
        self._clock = clock
        self._nodes = nodes
        self._administrator = administrator or credential
        self._ids = ids
        self._dumplogs = dumplogs
        self._keep = keep
        self._progress: Progress | None = None
        self._fleet = Fleet(clock, nodes, credential, random)
        self._driver = Driver(
            clock, self._fleet, Balancer(nodes), ids, self._replied, dumplogs, outstanding
        )
        self.result = RunResult()
        self.answered: list[Answered] = []
        self.unknown_users: set[str] = set()

    async def run(self, lines: Iterable[Line], begin_progress: Callable[[], Progress]) -> None:
        """Play all lines; raises `NoNode` where not one node can be reached."""
        everybody: list[DumpLog] = []
        users: list[Line] = []
        for line in lines:
            if isinstance(line.command, DumpLog) and not line.command.user:
                everybody.append(line.command)
            else:
                users.append(line)
        await self._fleet.open()
        self._progress = begin_progress()
        try:
            started_s = self._clock.seconds()
            await self._driver.play(users)
            self.result.wall_s = self._clock.seconds() - started_s
            for command in everybody:
                await self._dump_everybody(command)
        finally:
            await self._fleet.close()
            self._dumplogs.close()
            self._progress.finish()

    def _replied(
        self, command: Command, reply: Message | None, outcome: Outcome, latency_us: int
    ) -> None:
        self.result.record(command.NAME, outcome, latency_us)
        if self._progress is not None:
            self._progress.advance(1)
        if outcome is Outcome.UNKNOWN:
            self.unknown_users.add(command.user)
        elif self._keep and isinstance(reply, Receipt | Refused | Summary):
            self.answered.append(Answered(command, reply))

    async def _dump_everybody(self, command: DumpLog) -> None:
        """The administrator's DUMPLOG, from the first node that will."""
        started_s = self._clock.seconds()
        outcome = Outcome.UNKNOWN
        for endpoint in self._nodes.values():
            try:
                node = await connect(
                    endpoint, self._clock, "daytrade generator", self._administrator
                )
            except (TradeError, ConnectionEnded, ConnectError):
                continue
            try:
                sink = self._dumplogs.begin(command)
                reply = await node.request(command, self._ids.next(), sink)
                is_accepted = isinstance(reply, Receipt)
                outcome = Outcome.ACCEPTED if is_accepted else Outcome.REFUSED
            except TradeError as refusal:
                outcome = Outcome.REFUSED
                if may_be_sent_again(refusal.code):
                    continue
            except ConnectionEnded:
                continue
            finally:
                node.close()
            break
        latency_us = int((self._clock.seconds() - started_s) * 1_000_000)
        self.result.final_dumplog.record(outcome, latency_us)
        if self._progress is not None:
            self._progress.advance(1)
