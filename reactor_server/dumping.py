"""DUMPLOG: the log from the audit daemon to the client, no faster than the client reads.

Used by the node. Each dump has a connection of its own to the daemon, so that a slow reader holds
up nobody else.
"""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from ledger.entry import Entry, reply_of
from ledger.store import Position, Store
from protocol.errors import Code, TradeError
from protocol.messages import Chunk, Dump, Error, StreamPosition
from reactor_server.seat import Ticket
from service.client import ClientProtocol, ConnectionEnded, connect
from service.credentials import Credential
from service.server import Link

DEADLINE_S = 30.0
"""How long the daemon may take until it has every entry that belongs into the log."""


class Dumping:
    """The dumps that are going on.

    :param endpoint: the audit daemon.
    """

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        store: Store,
        endpoint: IStreamClientEndpoint,
        credential: Credential,
    ) -> None:
        self._clock = clock
        self._store = store
        self._endpoint = endpoint
        self._credential = credential
        self._going_on: set[Deferred[Any]] = set()
        self._daemons: dict[Link, set[ClientProtocol]] = {}

    @property
    def is_idle(self) -> bool:
        """No dump is going on."""
        return not self._going_on

    def start(self, ticket: Ticket, entry: Entry, stream: str, number: int) -> None:
        """Stream the log to whoever holds the ticket, and then answer it.

        The entry with this number, if one is given, is the DUMPLOG's own and comes last.
        """
        for link in ticket.links:
            dump = Deferred.fromCoroutine(self._dump(link, ticket, entry, stream, number))
            self._going_on.add(dump)
            dump.addBoth(self._ended, dump)

    def _ended(self, _result: object, dump: Deferred[None]) -> None:
        self._going_on.discard(dump)

    async def _dump(
        self, link: Link, ticket: Ticket, entry: Entry, stream: str, number: int
    ) -> None:
        try:
            await self._stream(link, ticket, entry, stream, number)
            link.reply(ticket.command_id, reply_of(entry))
        except CancelledError:
            raise
        except TradeError as error:
            self.log.warn("a DUMPLOG was not carried out: {why}", why=str(error))
            link.reply(ticket.command_id, _told(error))
        except (ConnectError, ConnectionEnded) as error:
            self.log.warn("the audit daemon cannot be reached: {why}", why=str(error))
            link.reply(ticket.command_id, _UNAVAILABLE)
        except Exception:
            self.log.failure("a DUMPLOG could not be carried out")
            link.reply(ticket.command_id, _UNAVAILABLE)

    async def _stream(
        self, link: Link, ticket: Ticket, entry: Entry, stream: str, number: int
    ) -> None:
        daemon = await connect(self._endpoint, self._clock, "trade-server", self._credential)
        self._daemons.setdefault(link, set()).add(daemon)
        self.congestion_changed(link)
        try:
            request = await self._request(ticket, entry, stream, number)
            if not link.is_lost:
                await daemon.request(
                    request, on_chunk=lambda data: link.push(ticket.command_id, Chunk(data))
                )
        finally:
            self._forget(link, daemon)
            daemon.close()

    def _forget(self, link: Link, daemon: ClientProtocol) -> None:
        daemons = self._daemons.get(link, set())
        daemons.discard(daemon)
        if not daemons:
            self._daemons.pop(link, None)

    async def _request(self, ticket: Ticket, entry: Entry, stream: str, number: int) -> Dump:
        positions = ticket.positions
        if positions is None:
            positions = await self._store.positions()
        if number:
            positions = {**positions, stream: Position(number, 0)}
        return Dump(
            ticket.command.user,
            [StreamPosition(name, each.last_number) for name, each in sorted(positions.items())],
            StreamPosition(stream, number) if number else None,
            int(DEADLINE_S * 1000),
            entry.decided_ms if number else 0,
        )

    def congestion_changed(self, link: Link) -> None:
        """Let the daemon rest while the client does not read."""
        for daemon in self._daemons.get(link, ()):
            if link.is_congested:
                daemon.transport.pauseProducing()
            else:
                daemon.transport.resumeProducing()

    def link_lost(self, link: Link) -> None:
        """Nobody reads this client's dumps any more."""
        for daemon in self._daemons.pop(link, set()):
            daemon.abort()

    def close(self) -> None:
        """End all dumps."""
        for dump in list(self._going_on):
            dump.cancel()


def _told(error: TradeError) -> Error:
    """What the client may know: not what the daemon has against us."""
    if error.code in (Code.AUDIT_UNAVAILABLE, Code.STORE_UNAVAILABLE):
        return Error(error.code, error.message)
    return _UNAVAILABLE


_UNAVAILABLE = Error(Code.AUDIT_UNAVAILABLE, "the audit log cannot be had now: ask again later")
