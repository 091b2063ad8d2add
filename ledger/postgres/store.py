"""The ledger's storage in Postgres: see `ledger.store.Store` for what each method promises."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import psycopg2
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ledger.account import Account, Side, TriggerName
from ledger.entry import Entry, decode_entry
from ledger.postgres.announcements import Announcements
from ledger.postgres.rows import (
    batch_call,
    read_account,
)
from ledger.postgres.session import Pool, Rows, Session
from ledger.postgres.statements import (
    AMONG_TRIGGERS,
    ARMED_SINCE,
    CLAIM_LEASE,
    LOCK_ACCOUNTS,
    SELECT_ACCOUNTS,
    SELECT_ARMED,
    SELECT_HISTORY,
    SELECT_NEXT_ACCOUNTS,
    SELECT_SEQS,
)
from ledger.store import (
    AccountsAnnounced,
    ArmedTrigger,
    CommandKnown,
    Committed,
    Fenced,
    OutcomeUnknown,
    Position,
    StoreUnavailable,
    Stream,
)
from ledger.writes import AccountWrite, in_decision_order
from protocol.authentication import Verifier
from protocol.money import INT64_MAX

_FENCED = "DT001"
"""The SQLSTATE that write_batch raises for a stream with another writer."""

_SETTLE_TRIES = 5

_BATCH_SETTINGS = (
    "SET jit = off",
    # Plans are made while the tables are empty and then kept: only index scans stay right.
    "SET enable_seqscan = off",
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET enable_bitmapscan = off",
    "SET plan_cache_mode = force_generic_plan",
)


class PostgresStore:
    """One process's access to the ledger: a connection for each stream, a pool for the rest."""

    log = Logger()

    def __init__(self, reactor: IReactorTime, dsn: str, pool_size: int = 4) -> None:
        self._reactor = reactor
        self._dsn = dsn
        self._pool = Pool(reactor, dsn, pool_size)
        self._writers: dict[str, Session] = {}
        self._announcements = Announcements(reactor, dsn, self._pool)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
        for session in self._writers.values():
            session.close()
        self._announcements.close()

    async def now_ms(self) -> int:
        rows = await self._pool.query(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
        )
        return int(rows[0][0])

    # Writing.

    async def open_stream(self, name: str) -> Stream:
        writer = await Session.open(self._reactor, self._dsn, *_BATCH_SETTINGS)
        previous = self._writers.pop(name, None)
        if previous is not None:
            previous.close()
        self._writers[name] = writer
        try:
            rows = await writer.query(
                "INSERT INTO stream (name, epoch, last_number, last_ms) VALUES (%s, 1, 0, 0) "
                "ON CONFLICT (name) DO UPDATE SET epoch = stream.epoch + 1 "
                "RETURNING stream_key, epoch, last_number, last_ms",
                [name],
            )
        except OutcomeUnknown as error:
            raise StoreUnavailable(str(error)) from None
        return Stream(name, *rows[0])

    async def commit(self, stream: Stream, writes: Sequence[AccountWrite]) -> Committed:
        lines = in_decision_order(writes)
        rows = await self._write(self._writers[stream.name], batch_call(stream, writes, lines))
        conflicted = frozenset(rows[0][0])
        if conflicted:
            lines = [line for line in lines if line.user not in conflicted]
        stream.advance(lines)
        return Committed(conflicted, [line.encoded for line in lines])

    async def _write(self, session: Session, call: str) -> Rows:
        """Call write_batch and tell its refusals apart."""
        try:
            return await session.query(call)
        except psycopg2.errors.UniqueViolation:
            raise CommandKnown from None
        except psycopg2.Error as error:
            if error.pgcode == _FENCED:
                raise Fenced(str(error)) from None
            raise

    async def settle(
        self,
        stream: Stream,
        users: Sequence[str],
        decide: Callable[[Account], list[Entry]],
    ) -> list[bytes]:
        encoded: list[bytes] = []
        left = sorted(set(users))
        for attempt in range(_SETTLE_TRIES):
            # A lock keeps a node's whole batch waiting, and most of the time nobody comes between.
            settled = await self._try_to_settle(stream, left, decide, locked=attempt > 0)
            encoded += settled.encoded
            left = sorted(settled.conflicted)
            if not left:
                return encoded
        raise StoreUnavailable("accounts that nobody had yet were made by somebody else each time")

    async def _try_to_settle(
        self,
        stream: Stream,
        users: list[str],
        decide: Callable[[Account], list[Entry]],
        *,
        locked: bool,
    ) -> Committed:
        """Read, decide and write once. What is locked conflicts only where there was no row yet."""
        session = self._writers[stream.name]
        read = LOCK_ACCOUNTS + SELECT_ACCOUNTS if locked else SELECT_ACCOUNTS
        try:
            rows = await session.query(read, [users, users] if locked else [users])
            stored = {row[0]: read_account(row) for row in rows}
            writes = []
            for user in users:
                account = stored.get(user) or Account(user)
                write = AccountWrite(account, account.seq)
                for entry in decide(account):
                    write.add(entry)
                if account.seq:
                    writes.append(write)
            committed = await self.commit(stream, writes)
            if locked:
                await session.run("COMMIT")
        except (CommandKnown, Fenced):
            if locked:
                await session.run("ROLLBACK")
            raise
        except BaseException:
            session.close()
            raise
        return committed

    # Reading.

    async def load(self, users: Sequence[str]) -> dict[str, Account]:
        rows = await self._pool.query(SELECT_ACCOUNTS, list(users))
        accounts = {user: Account(user) for user in users}
        accounts.update((row[0], read_account(row)) for row in rows)
        return accounts

    async def accounts_after(self, user: str, limit: int) -> list[Account]:
        rows = await self._pool.query(SELECT_NEXT_ACCOUNTS, user, limit)
        return [read_account(row) for row in rows]

    async def entries_by_id(self, command_ids: Sequence[bytes]) -> dict[bytes, Entry]:
        rows = await self._pool.query(
            "SELECT entry FROM journal WHERE command_id = ANY (%s::uuid[])",
            [command_id.hex() for command_id in command_ids],
        )
        entries = [decode_entry(bytes(row[0])) for row in rows]
        return {entry.command_id: entry for entry in entries}

    async def place_of(self, command_id: bytes) -> tuple[str, int] | None:
        rows = await self._pool.query(
            "SELECT name, number FROM journal JOIN stream USING (stream_key) WHERE command_id = %s",
            command_id.hex(),
        )
        return (rows[0][0], rows[0][1]) if rows else None

    async def history(self, user: str, before_seq: int, limit: int) -> list[Entry]:
        before_seq = before_seq or INT64_MAX
        rows = await self._pool.query(SELECT_HISTORY, user, before_seq, user, before_seq, limit)
        return [decode_entry(bytes(row[0])) for row in rows]

    async def entries_after(self, stream: str, number: int, limit: int) -> list[bytes]:
        rows = await self._pool.query(
            "SELECT entry FROM journal "
            "WHERE stream_key = (SELECT stream_key FROM stream WHERE name = %s) "
            "AND number > %s AND number <= %s ORDER BY number",
            stream,
            number,
            number + limit,
        )
        return [bytes(row[0]) for row in rows]

    async def positions(self) -> dict[str, Position]:
        rows = await self._pool.query("SELECT name, last_number, last_ms FROM stream")
        return {row[0]: Position(row[1], row[2]) for row in rows}

    async def overdue(self, now_ms: int, limit: int) -> list[str]:
        rows = await self._pool.query(
            "SELECT user_name FROM account WHERE lapse_check_ms > 0 AND lapse_check_ms <= %s "
            "ORDER BY lapse_check_ms LIMIT %s",
            now_ms,
            limit,
        )
        return [row[0] for row in rows]

    # Triggers.

    async def armed(self, triggers: Sequence[TriggerName] | None = None) -> list[ArmedTrigger]:
        if triggers is None:
            rows = await self._pool.query(SELECT_ARMED)
        else:
            rows = await self._pool.query(
                SELECT_ARMED + AMONG_TRIGGERS,
                [name.user for name in triggers],
                [name.symbol for name in triggers],
                [name.side.value for name in triggers],
            )
        return _read_armed(rows)

    async def armed_since(self, since_ms: int) -> list[ArmedTrigger]:
        return _read_armed(await self._pool.query(SELECT_ARMED + ARMED_SINCE, since_ms))

    async def announce_armed(self, triggers: Sequence[TriggerName]) -> None:
        await self._announcements.tell_armed(triggers)

    async def listen_armed(self, listener: Callable[[list[TriggerName]], None]) -> Session:
        """Call `listener` with the triggers that nodes say have changed.

        Returns the connection that listens: when it closes, news was missed.
        """
        return await self._announcements.listen_armed(listener)

    # Watched accounts.

    async def announce_changed(self, by: str, seqs: Mapping[str, int]) -> None:
        await self._announcements.tell_accounts(by, seqs, ())

    async def announce_watched(self, by: str, users: Sequence[str]) -> None:
        await self._announcements.tell_accounts(by, {}, users)

    async def listen_accounts(self, listener: Callable[[AccountsAnnounced], None]) -> Session:
        return await self._announcements.listen_accounts(listener)

    async def seqs(self, users: Sequence[str]) -> dict[str, int]:
        rows = await self._pool.query(SELECT_SEQS, list(users))
        return dict(rows)

    # Leases.

    async def claim_lease(self, name: str, holder: str, ttl_ms: int) -> bool:
        rows = await self._pool.query(CLAIM_LEASE, name, holder, ttl_ms)
        return bool(rows)

    # Log-in.

    async def verifier_for(self, name: str) -> Verifier | None:
        if "\0" in name:  # Postgres could not even be asked, and nobody has such a name.
            return None
        rows = await self._pool.query("SELECT verifier::text FROM credential WHERE name = %s", name)
        return msgspec.json.decode(rows[0][0], type=Verifier) if rows else None

    async def put_verifier(self, name: str, verifier: Verifier) -> None:
        await self._pool.query(
            "INSERT INTO credential VALUES (%s, %s::jsonb) "
            "ON CONFLICT (name) DO UPDATE SET verifier = excluded.verifier RETURNING name",
            name,
            msgspec.json.encode(verifier).decode(),
        )


def _read_armed(rows: Rows) -> list[ArmedTrigger]:
    return [ArmedTrigger(row[0], Side(row[1]), *row[2:]) for row in rows]
