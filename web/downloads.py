"""DUMPLOG to a browser: streamed, no faster than it reads, on a connection of its own.

The connection is its own so that a slow reader holds up nobody else. The server opens no file.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from protocol.errors import Code, TradeError
from protocol.messages import DumpLog, Receipt
from service.client import ClientProtocol, ConnectionEnded, connect
from service.credentials import Credential
from web.nodes import AGENT, Nodes
from web.visit import Sink

DOWNLOADS_MAX = 16


class Downloads:
    """Logs on their way to browsers.

    :param credential: may ask for any user's log.
    :param administrator: may ask for everybody's; None: nobody can.
    """

    def __init__(
        self,
        clock: IReactorTime,
        nodes: Nodes,
        credential: Credential,
        administrator: Credential | None,
    ) -> None:
        self._clock = clock
        self._nodes = nodes
        self._credential = credential
        self._administrator = administrator
        self._under_way = 0

    async def begin(self, command_id: bytes, command: DumpLog) -> "Download":
        """Ask for a log; returns when its first part is there. Raises `TradeError`."""
        if self._under_way >= DOWNLOADS_MAX:
            raise TradeError(Code.SLOW_DOWN, "too many logs are being sent just now: try again")
        credential = self._credential if command.user else self._administrator
        if credential is None:
            raise TradeError(Code.NOT_PERMITTED, "this server may not ask for everybody's log")
        self._under_way += 1
        try:
            endpoint = self._nodes.endpoint_of(command.user)
            node = await connect(endpoint, self._clock, AGENT, credential)
            download = Download(node, self._ended)
            await download.begin(command_id, command)
        except TradeError:
            self._ended()
            raise
        except Exception as error:
            self._ended()
            raise TradeError(Code.INTERNAL, f"the log cannot be had: {error}") from None
        return download

    def _ended(self) -> None:
        self._under_way -= 1


class Download:
    """One log; made by `Downloads`. `run` must be called for it to go on, and to end."""

    log = Logger()

    def __init__(self, node: ClientProtocol, on_end: Callable[[], None]) -> None:
        self._node = node
        self._on_end = on_end
        self._sink: Sink | None = None
        self._held: list[bytes] = []
        self._begun: Deferred[None] = Deferred()
        self._finished: Deferred[None] = Deferred()

    async def begin(self, command_id: bytes, command: DumpLog) -> None:
        """Wait for the first part; raises what the node refuses with."""
        answer = self._node.request(command, command_id, self._take)
        answer.addCallbacks(self._answered, self._failed)
        await self._begun

    def _take(self, data: bytes) -> None:
        if self._sink is None:
            self._held.append(data)
            self._node.transport.pauseProducing()
        else:
            self._sink.write(data)
        if not self._begun.called:
            self._begun.callback(None)

    def _answered(self, reply: object) -> None:
        if isinstance(reply, Receipt):
            self._finished.callback(None)
            if not self._begun.called:
                self._begun.callback(None)
        else:
            self._failed(Failure(TradeError(Code.INTERNAL, "the node gave no log")))

    def _failed(self, failure: Failure) -> None:
        if not self._begun.called:
            self._node.close()
            self._begun.errback(failure)
        else:
            self._finished.errback(failure)

    async def run(self, sink: Sink) -> None:
        """Send everything on; breaks the reader's connection off where something is missing."""
        self._sink = sink
        sink.when_lost(self._node.abort)
        sink.when_room_changes(self._regulate)
        for data in self._held:
            sink.write(data)
        self._held.clear()
        if sink.has_room:
            self._node.transport.resumeProducing()
        try:
            await self._finished
        except (TradeError, ConnectionEnded) as error:
            self.log.info("a log was not sent whole: {why}", why=str(error))
            sink.abort()
        finally:
            self._node.close()
            self._on_end()

    def _regulate(self, has_room: bool) -> None:
        """Read from the node only while the reader takes what was read."""
        if has_room:
            self._node.transport.resumeProducing()
        else:
            self._node.transport.pauseProducing()
