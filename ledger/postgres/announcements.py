"""What processes on one ledger tell each other by NOTIFY.

Used by `ledger.postgres.store` alone. Whoever does not listen misses it: readers look at everything
from time to time. A payload holds lines, as many as Postgres takes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from twisted.internet.interfaces import IReactorTime

from ledger.account import Side, TriggerName
from ledger.postgres.session import Pool, Session
from ledger.store import AccountsAnnounced

_ARMED_CHANNEL = "armed"
_ACCOUNT_CHANNEL = "account"
_PAYLOAD_BYTES_MAX = 7_000


class Announcements:
    """One process's announcements, and its connections that listen, one for each channel."""

    def __init__(self, reactor: IReactorTime, dsn: str, pool: Pool) -> None:
        self._reactor = reactor
        self._dsn = dsn
        self._pool = pool
        self._listeners: dict[str, Session] = {}

    def close(self) -> None:
        """Listen no more."""
        for session in self._listeners.values():
            session.close()

    # Triggers, to the trigger services.

    async def tell_armed(self, triggers: Iterable[TriggerName]) -> None:
        """Tell the trigger services that these triggers changed."""
        lines = [f"{name.user} {name.side.value} {name.symbol}" for name in triggers]
        await self._notify(_ARMED_CHANNEL, "", lines)

    async def listen_armed(self, listener: Callable[[list[TriggerName]], None]) -> Session:
        """See `PostgresStore.listen_armed`."""
        return await self._listen(_ARMED_CHANNEL, lambda text: listener(_triggers(text)))

    # Accounts, from whoever writes them to the nodes, and between nodes.

    async def tell_accounts(
        self, by: str, changed: Mapping[str, int], watched: Iterable[str]
    ) -> None:
        """Tell the nodes how new accounts are, and which are watched at the node `by`."""
        lines = [f"{user} {seq}" for user, seq in changed.items()]
        await self._notify(_ACCOUNT_CHANNEL, by, [*lines, *watched])

    async def listen_accounts(self, listener: Callable[[AccountsAnnounced], None]) -> Session:
        """See `Store.listen_accounts`."""
        return await self._listen(_ACCOUNT_CHANNEL, lambda text: listener(_accounts(text)))

    # What both have in common.

    async def _notify(self, channel: str, head: str, lines: Sequence[str]) -> None:
        """Send lines, each payload with the same head line unless that is empty."""
        start = [head] if head else []
        payload, size = list(start), len(head)
        for line in lines:
            payload.append(line)
            size += len(line) + 1
            if size > _PAYLOAD_BYTES_MAX:
                await self._send(channel, payload)
                payload, size = list(start), len(head)
        if len(payload) > len(start):
            await self._send(channel, payload)

    async def _send(self, channel: str, payload: Sequence[str]) -> None:
        await self._pool.query("SELECT pg_notify(%s, %s)", channel, "\n".join(payload))

    async def _listen(self, channel: str, listener: Callable[[str], None]) -> Session:
        previous = self._listeners.pop(channel, None)
        if previous is not None:
            previous.close()
        session = await Session.open(self._reactor, self._dsn, f"LISTEN {channel}")
        self._listeners[channel] = session
        session.add_listener(lambda notify: listener(notify.payload))
        return session


def _triggers(payload: str) -> list[TriggerName]:
    parts = [line.split(" ") for line in payload.split("\n")]
    return [TriggerName(user, Side(side), symbol) for user, side, symbol in parts]


def _accounts(payload: str) -> AccountsAnnounced:
    by, *lines = payload.split("\n")
    parts = [line.partition(" ") for line in lines]
    return AccountsAnnounced(
        by,
        {user: int(seq) for user, _, seq in parts if seq},
        [user for user, _, seq in parts if not seq],
    )
