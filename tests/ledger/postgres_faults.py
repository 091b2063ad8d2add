"""Postgres alone: connections that break and a server that is away. See `postgres_contract`.

A write whose connection broke has an unknown outcome, and never a half one; whatever is asked next
finds its way to the server again.
"""

from collections.abc import Awaitable

import psycopg2
from psycopg2.errors import CheckViolation
from psycopg2.extensions import make_dsn
from twisted.internet.defer import Deferred

from ledger import rules
from ledger.account import Account, TriggerName
from ledger.entry import Entry
from ledger.postgres.store import PostgresStore
from ledger.store import Fenced, OutcomeUnknown, StoreUnavailable
from ledger.writes import AccountWrite
from tests.ledger.contract_triggers import ANN_BUYS
from tests.ledger.postgres_bench import PostgresBench
from tests.ledger.teller import START_MS, Teller, entries_of, stored_state

WAITS_FOR_A_LOCK = "wait_event_type = 'Lock'"


async def a_writer_killed_within_a_commit_leaves_the_outcome_unknown_and_nothing_half(
    bench: PostgresBench,
) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann")
    await teller.open_account("bob")
    before = await stored_state(teller.store, "ann")
    writes = await teller.load("ann", "bob")
    for write in writes:
        teller.decide(write, "ADD", 5)
    blocker = _lock_account(bench, "bob")
    commit = Deferred.fromCoroutine(teller.store.commit(teller.stream, writes))
    await _kill_who_waits(bench)
    assert await _raises(OutcomeUnknown, commit)
    blocker.close()
    again = await Teller.open(teller.store)
    assert again.stream.last_number == 2
    assert await again.store.entries_by_id([write.lines[0].command_id for write in writes]) == {}
    assert await stored_state(again.store, "ann") == before
    await again.run("ann", "ADD", 7)
    assert await again.numbers() == (3, 3)


async def a_writer_killed_while_it_settles_changes_nothing(bench: PostgresBench) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann", 100)
    await teller.run("ann", "BUY", "ABC", 30, price=1)
    blocker = _lock_account(bench, "ann")
    settling = Deferred.fromCoroutine(teller.store.settle(teller.stream, ["ann"], _lapse))
    await _kill_who_waits(bench)
    assert await _raises(OutcomeUnknown, settling)
    blocker.close()
    again = await Teller.open(teller.store)
    assert len(await again.store.settle(again.stream, ["ann"], _lapse)) == 1


async def a_writer_killed_between_two_commits_writes_no_more_until_it_is_opened_again(
    bench: PostgresBench,
) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann")
    assert bench.kill_backends() > 0
    (write,) = await _load_whatever_broke(teller)
    teller.decide(write, "ADD", 5)
    for _ in range(2):
        assert await _raises(OutcomeUnknown, teller.store.commit(teller.stream, [write]))
        assert await _raises(OutcomeUnknown, teller.store.settle(teller.stream, ["ann"], _lapse))
    again = await Teller.open(teller.store)
    await again.run("ann", "ADD", 7)
    assert (await stored_state(again.store, "ann"))["cash_cents"] == 1_007


async def a_writer_that_lost_count_is_fenced(bench: PostgresBench) -> None:
    """It did not hear of its last write, and must not number another one the same."""
    teller = await Teller.open(bench.store())
    await teller.open_account("ann")
    teller.stream.last_number -= 1
    (write,) = await teller.load("ann")
    teller.decide(write, "ADD", 5)
    assert await _raises(Fenced, teller.store.commit(teller.stream, [write]))
    assert len(await entries_of(teller.store, "ann")) == 1


async def readers_find_new_connections_after_theirs_were_killed(bench: PostgresBench) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann")
    for _ in range(2):
        assert bench.kill_backends() > 0
        await _load_whatever_broke(teller)
        assert len(await entries_of(teller.store, "ann")) == 1


async def a_listener_tells_that_its_connection_was_lost(bench: PostgresBench) -> None:
    store = bench.postgres_store()
    heard: list[TriggerName] = []
    listening = await store.listen_armed(heard.extend)
    assert not listening.is_closed
    assert bench.kill_backends() == 1
    while not listening.is_closed:
        await bench.pause()
    await store.listen_armed(heard.extend)
    await bench.store().announce_armed([ANN_BUYS])
    while not heard:
        await bench.pause()
    assert heard == [ANN_BUYS]


async def a_listener_that_listens_again_hears_everything_once(bench: PostgresBench) -> None:
    store = bench.postgres_store()
    heard: list[TriggerName] = []
    for _ in range(2):
        await store.listen_armed(heard.extend)
    announced = [ANN_BUYS, TriggerName("last", ANN_BUYS.side, "Z")]
    for name in announced:
        await bench.store().announce_armed([name])
    while announced[-1] not in heard:
        await bench.pause()
    assert heard == announced


async def without_a_server_the_store_is_unavailable(bench: PostgresBench) -> None:
    store = PostgresStore(bench.reactor, make_dsn(bench.dsn, host="/nonexistent"))
    assert await _raises(StoreUnavailable, store.open_stream("node-1"))
    assert await _raises(StoreUnavailable, store.load(["ann"]))
    assert await _raises(StoreUnavailable, store.announce_armed([ANN_BUYS]))
    assert await _raises(StoreUnavailable, store.listen_armed(lambda names: None))
    store.close()


async def a_write_that_the_database_refuses_writes_nothing_at_all(bench: PostgresBench) -> None:
    """An account below zero is a bug of ours: the database is the last to notice."""
    teller = await Teller.open(bench.store())
    await teller.open_account("ann", 10)
    before = await stored_state(teller.store, "ann")
    writes = await teller.load("ann", "bob")
    for write in writes:
        teller.decide(write, "ADD", 5)
        teller.decide(write, "SET_BUY_AMOUNT", "ABC", 5)
    writes[1].account.cash_cents = -1
    assert await _raises(CheckViolation, teller.store.commit(teller.stream, writes))
    assert await stored_state(teller.store, "ann") == before
    assert await entries_of(teller.store, "bob") == []
    assert await teller.numbers() == (1, 1)
    await teller.run("ann", "ADD", 7)
    assert await teller.numbers() == (2, 2)


def _lapse(account: Account) -> list[Entry]:
    return rules.lapse(account, START_MS + 60_001)


def _lock_account(bench: PostgresBench, user: str) -> psycopg2.extensions.connection:
    """Keep everybody else from writing an account, until the connection is closed."""
    connection = bench.connect()
    connection.autocommit = False
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM account WHERE user_name = %s FOR UPDATE", [user])
    return connection


async def _kill_who_waits(bench: PostgresBench) -> None:
    """End the backend that has come as far as to wait for a locked account."""
    while bench.kill_backends(WAITS_FOR_A_LOCK) == 0:
        await bench.pause()


async def _load_whatever_broke(teller: Teller) -> list[AccountWrite]:
    """Load ann; each connection of the pool may fail once."""
    for _ in range(2):
        try:
            await teller.load("ann")
        except StoreUnavailable:
            continue
    return await teller.load("ann")


async def _raises(error: type[Exception], work: Awaitable[object]) -> bool:
    try:
        await work
    except error:
        return True
    return False
