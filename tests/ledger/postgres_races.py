"""Postgres alone: writers that come at the same moment. Each test is one of `postgres_contract`."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from psycopg2.errors import LockNotAvailable
from twisted.internet.defer import Deferred, gatherResults

from ledger import rules
from ledger.account import Account
from ledger.entry import Entry, decode_entry
from protocol.messages import Add
from tests.ledger.postgres_bench import PostgresBench
from tests.ledger.teller import START_MS, Teller, entries_in, entries_of, state_of, stored_state

ROUNDS = 10
T = TypeVar("T")


async def of_two_nodes_racing_for_a_user_exactly_one_wins(bench: PostgresBench) -> None:
    one = await Teller.open(bench.store(), "node-1")
    two = await Teller.open(bench.store(), "node-2")
    for done in range(ROUNDS):
        writes = [(await teller.load("ann"))[0] for teller in (one, two)]
        for teller, write in zip((one, two), writes, strict=True):
            teller.decide(write, "ADD", 1)
            teller.decide(write, "SET_BUY_AMOUNT", "ABC", done + 1)
        ended = await _together(
            one.store.commit(one.stream, writes[:1]), two.store.commit(two.stream, writes[1:])
        )
        lost = [committed.conflicted for committed in ended]
        assert sorted(map(len, lost)) == [0, 1]
        winner = writes[lost.index(frozenset())]
        assert await stored_state(one.store, "ann") == state_of(winner.account)
        assert (await entries_of(two.store, "ann"))[-2:] == entries_in(winner)
    assert one.stream.last_number + two.stream.last_number == 2 * ROUNDS


async def of_two_batches_with_the_same_users_each_user_is_won_once(bench: PostgresBench) -> None:
    """They lock in the same order, so that neither waits for the other for ever."""
    one = await Teller.open(bench.store(), "node-1")
    two = await Teller.open(bench.store(), "node-2")
    users = [f"user{number:02}" for number in range(40)]
    for _ in range(ROUNDS):
        batches = [await one.load(*users), await two.load(*users[10:])]
        for teller, batch in zip((one, two), batches, strict=True):
            for write in batch:
                teller.decide(write, "ADD", 1)
        before = one.stream.last_number + two.stream.last_number
        first, second = await _together(
            one.store.commit(one.stream, batches[0]), two.store.commit(two.stream, batches[1])
        )
        assert first.conflicted | second.conflicted == set(users[10:])
        assert first.conflicted & second.conflicted == set()
        assert one.stream.last_number + two.stream.last_number == before + len(users)


async def settling_beside_a_node_is_never_refused(bench: PostgresBench) -> None:
    node = await Teller.open(bench.store(), "node-1")
    clerk = await Teller.open(bench.store(), "triggers")
    await node.open_account("ann", 1)
    cash_cents = 1
    for number in range(ROUNDS):
        (write,) = await node.load("ann")
        node.decide(write, "ADD", 10)

        def decide(account: Account, number: int = number) -> list[Entry]:
            return [_add(account, number)]

        works: list[Coroutine[Deferred[Any], Any, Any]] = [
            node.store.commit(node.stream, [write]),
            clerk.store.settle(clerk.stream, ["ann"], decide),
        ]
        committed, settled = await _together(*works)
        cash_cents += 1 if committed.conflicted else 11
        assert len(settled) == 1
        stored = await stored_state(node.store, "ann")
        assert stored["cash_cents"] == cash_cents
        assert [entry.seq for entry in await entries_of(node.store, "ann")] == list(
            range(1, int(str(stored["seq"])) + 1)
        )


async def an_account_that_another_writer_has_changed_is_locked_for_the_next_decision(
    bench: PostgresBench,
) -> None:
    """Who settles is overtaken once at most, and keeps nobody waiting before that."""
    clerk = await Teller.open(bench.store(), "triggers")
    await clerk.open_account("ann", 1)
    onlooker = bench.connect()
    was_locked: list[bool] = []

    def decide(account: Account) -> list[Entry]:
        with onlooker.cursor() as cursor:
            try:
                cursor.execute("SELECT 1 FROM account WHERE user_name = 'ann' FOR UPDATE NOWAIT")
                cursor.execute("UPDATE account SET seq = seq + 1 WHERE user_name = 'ann'")
                was_locked.append(False)
            except LockNotAvailable:
                was_locked.append(True)
        return []

    await clerk.store.settle(clerk.stream, ["ann"], decide)
    assert was_locked == [False, True]
    onlooker.close()


async def who_is_overtaken_while_settling_holds_up_nobody_else(bench: PostgresBench) -> None:
    node = await Teller.open(bench.store(), "node-1")
    clerk = await Teller.open(bench.store(), "triggers")
    for user in ("ann", "bob", "cid"):
        await node.open_account(user, 1)
    onlooker = bench.connect()
    asked: list[str] = []

    def decide(account: Account) -> list[Entry]:
        if account.user == "bob" and "bob" not in asked:
            with onlooker.cursor() as cursor:
                cursor.execute("UPDATE account SET cash_cents = 70 WHERE user_name = 'bob'")
                cursor.execute("UPDATE account SET seq = seq + 1 WHERE user_name = 'bob'")
        asked.append(account.user)
        return [_add(account, ord(account.user[0]))]

    encoded = await clerk.store.settle(clerk.stream, ["ann", "bob", "cid"], decide)
    assert asked == ["ann", "bob", "cid", "bob"]
    assert [decode_entry(each).user for each in encoded] == ["ann", "cid", "bob"]
    assert await clerk.store.entries_after("triggers", 0, 10) == encoded
    assert await clerk.numbers() == (3, 3)
    assert (await stored_state(clerk.store, "bob"))["cash_cents"] == 71
    onlooker.close()


async def two_who_settle_a_user_that_nobody_had_both_come_through(bench: PostgresBench) -> None:
    clerks = [await Teller.open(bench.store(), name) for name in ("triggers", "spare")]

    def settle(number: int) -> Coroutine[Deferred[Any], Any, list[bytes]]:
        clerk = clerks[number % 2]
        return clerk.store.settle(clerk.stream, ["eve"], lambda account: [_add(account, number)])

    await _together(settle(1), settle(2))
    entries = await entries_of(clerks[0].store, "eve")
    assert [entry.seq for entry in entries] == [1, 2]
    assert {entry.transaction_num for entry in entries} == {2, 3}


async def many_questions_at_once_share_the_pool(bench: PostgresBench) -> None:
    teller = await Teller.open(bench.store())
    users = [f"user{number:02}" for number in range(30)]
    writes = await teller.load(*users)
    for cents, write in enumerate(writes, 1):
        teller.decide(write, "ADD", cents)
    await teller.commit(*writes)
    answers = await _together(*(teller.store.load([user]) for user in users))
    told = [answer[user].cash_cents for answer, user in zip(answers, users, strict=True)]
    assert told == list(range(1, 31))


def _add(account: Account, number: int) -> Entry:
    command = Add(account.user, number + 1, 1)
    entry = rules.decide(account, command, number.to_bytes(16, "big"), START_MS)
    assert entry is not None
    return entry


async def _together(*works: Coroutine[Deferred[Any], Any, T]) -> list[T]:
    """Let all go on side by side, and wait for all."""
    return await gatherResults([Deferred.fromCoroutine(work) for work in works], True)
