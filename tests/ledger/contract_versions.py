"""Store contract: a write from a stale account, or under a known id, changes nothing."""

from ledger.store import CommandKnown
from ledger.writes import AccountWrite
from tests.ledger.bench import Bench
from tests.ledger.teller import Teller, entries_in, entries_of, state_of, stored_state


async def a_stale_version_refuses_only_its_user(bench: Bench) -> None:
    one = await Teller.open(bench.store(), "node-1")
    two = await Teller.open(bench.store(), "node-2")
    for user in ("ann", "bob", "cid"):
        await one.open_account(user, 1_000, ABC=9)
    writes = await two.load("ann", "bob", "cid", "dan")
    for write in writes:
        two.decide(write, "ADD", 5)
        two.decide(write, "SELL", "ABC", 2, price=1)
        two.decide(write, "SET_BUY_AMOUNT", "ABC", 3)
    await one.run("bob", "ADD", 70)
    before = await stored_state(one.store, "bob")
    assert (await two.store.commit(two.stream, writes)).conflicted == {"bob"}
    assert await stored_state(one.store, "bob") == before
    assert len(await entries_of(one.store, "bob")) == before["seq"]
    for write in (writes[0], *writes[2:]):
        user = write.account.user
        assert await stored_state(one.store, user) == state_of(write.account)
        assert (await entries_of(one.store, user))[-3:] == entries_in(write)


async def numbers_stay_without_gaps_when_a_user_is_refused(bench: Bench) -> None:
    one = await Teller.open(bench.store(), "node-1")
    two = await Teller.open(bench.store(), "node-2")
    writes = await two.load("ann", "bob", "cid")
    for write in writes:
        two.decide(write, "ADD", 5)
        two.decide(write, "ADD", 6)
    await one.open_account("bob")
    committed = await two.store.commit(two.stream, writes)
    assert committed.conflicted == {"bob"}
    assert committed.encoded == await two.store.entries_after("node-2", 0, 10)
    assert await two.numbers() == (4, 4)
    added = await two.run("bob", "ADD", 9)
    assert await two.numbers() == (5, 5)
    stored = await two.store.entries_after("node-2", 0, 10)
    assert stored == [
        *(line.encoded for line in writes[0].lines),
        *(line.encoded for line in writes[2].lines),
        *(await two.store.entries_after("node-2", 4, 1)),
    ]
    assert (await two.store.history("bob", 0, 1)) == [added]


async def a_user_whom_another_node_has_made_meanwhile_is_refused(bench: Bench) -> None:
    one = await Teller.open(bench.store(), "node-1")
    two = await Teller.open(bench.store(), "node-2")
    writes = await two.load("ann", "bob")
    for write in writes:
        two.decide(write, "ADD", 5)
    await one.open_account("ann", 70)
    assert (await two.store.commit(two.stream, writes)).conflicted == {"ann"}
    assert (await stored_state(two.store, "ann"))["cash_cents"] == 70
    assert (await stored_state(two.store, "bob"))["cash_cents"] == 5


async def a_stale_cancel_takes_no_trigger_away(bench: Bench) -> None:
    one = await Teller.open(bench.store(), "node-1")
    two = await Teller.open(bench.store(), "node-2")
    for user in ("ann", "bob"):
        await one.open_account(user)
        await one.run(user, "SET_BUY_AMOUNT", "ABC", 5)
    writes = await two.load("ann", "bob")
    for write in writes:
        two.decide(write, "CANCEL_SET_BUY", "ABC")
    await one.run("ann", "ADD", 1)
    assert (await two.store.commit(two.stream, writes)).conflicted == {"ann"}
    stored = await one.store.load(["ann", "bob"])
    assert [stored[user].buy_triggers.keys() for user in ("ann", "bob")] == [{"ABC"}, set()]


async def a_version_newer_than_the_stored_one_is_refused_too(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann")
    (write,) = await teller.load("ann")
    write.expected_seq += 1
    teller.decide(write, "ADD", 5)
    assert (await teller.store.commit(teller.stream, [write])).conflicted == {"ann"}
    assert (await stored_state(teller.store, "ann"))["cash_cents"] == 1_000


async def a_stale_refusal_that_changed_no_money_is_refused_as_well(bench: Bench) -> None:
    one = await Teller.open(bench.store(), "node-1")
    two = await Teller.open(bench.store(), "node-2")
    await one.open_account("ann", 10)
    (write,) = await two.load("ann")
    two.decide(write, "SET_BUY_AMOUNT", "ABC", 11)
    await one.run("ann", "ADD", 1)
    assert (await two.store.commit(two.stream, [write])).conflicted == {"ann"}
    assert await two.numbers() == (0, 0)


async def a_known_command_id_writes_nothing_of_the_whole_batch(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann")
    known = await teller.run("ann", "ADD", 5)
    before = {user: await stored_state(teller.store, user) for user in ("ann", "bob")}
    numbers = await teller.numbers()
    for user in ("ann", "bob"):
        writes = await teller.load("ann", "bob")
        for write in writes:
            id_taken = known.command_id if write.account.user == user else None
            teller.decide(write, "ADD", 7, command_id=id_taken)
        await _assert_command_known(teller, *writes)
    for user, state in before.items():
        assert await stored_state(teller.store, user) == state
    assert await teller.numbers() == numbers


async def an_id_twice_in_one_batch_writes_nothing(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    writes = await teller.load("ann", "bob")
    for write in writes:
        teller.decide(write, "ADD", 7, command_id=b"x" * 16)
    await _assert_command_known(teller, *writes)
    assert await entries_of(teller.store, "ann") == []
    assert await teller.numbers() == (0, 0)


async def the_stream_goes_on_after_a_known_command(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    known = await teller.run("ann", "ADD", 5)
    (write,) = await teller.load("ann")
    teller.decide(write, "ADD", 5, command_id=known.command_id)
    await _assert_command_known(teller, write)
    again = await teller.run("ann", "ADD", 6)
    assert await teller.numbers() == (2, 2)
    assert await entries_of(teller.store, "ann") == [known, again]


async def a_known_id_of_a_stale_user_is_told_as_stale(bench: Bench) -> None:
    """The node loads that user again and then finds the command in the journal."""
    teller = await Teller.open(bench.store())
    (write,) = await teller.load("ann")
    known = await teller.run("ann", "ADD", 5)
    teller.decide(write, "ADD", 5, command_id=known.command_id)
    assert (await teller.store.commit(teller.stream, [write])).conflicted == {"ann"}


async def a_change_without_an_entry_is_stored_under_the_same_version(bench: Bench) -> None:
    """Housekeeping: a look for lapsed orders that came early, say."""
    teller = await Teller.open(bench.store())
    await teller.open_account("ann")
    await teller.run("ann", "BUY", "ABC", 5, price=1)
    (write,) = await teller.load("ann")
    numbers = await teller.numbers()
    write.account.lapse_check_ms += 5
    await teller.commit(write)
    assert await stored_state(bench.store(), "ann") == state_of(write.account)
    assert await teller.numbers() == numbers


async def a_change_without_an_entry_is_refused_for_a_stale_version(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann")
    (write,) = await teller.load("ann")
    await teller.run("ann", "BUY", "ABC", 5, price=1)
    before = await stored_state(teller.store, "ann")
    assert (await teller.store.commit(teller.stream, [write])).conflicted == {"ann"}
    assert await stored_state(teller.store, "ann") == before


async def _assert_command_known(teller: Teller, *writes: AccountWrite) -> None:
    try:
        await teller.store.commit(teller.stream, writes)
    except CommandKnown:
        return
    raise AssertionError("the id was taken for a new one")
