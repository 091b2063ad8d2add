"""Store contract: the journal is read by stream, by id and by user; overdue orders are found."""

from ledger.entry import decode_entry
from tests.ledger.bench import Bench
from tests.ledger.teller import START_MS, Teller


async def the_time_does_not_go_back(bench: Bench) -> None:
    one, two = bench.store(), bench.store()
    first_ms = await one.now_ms()
    assert 0 < first_ms <= await two.now_ms()


async def a_stream_is_read_in_order_and_by_limit(bench: Bench) -> None:
    teller = await Teller.open(bench.store(), "node-1")
    other = await Teller.open(bench.store(), "node-2")
    entries = []
    for number in range(1, 6):
        entries.append(await teller.run("ann" if number % 2 else "bob", "ADD", number))
        await other.run("cid", "ADD", number)

    async def read(number: int, limit: int) -> list[int]:
        encoded = await bench.store().entries_after("node-1", number, limit)
        return [decode_entry(each).amount_cents for each in encoded]

    assert await read(0, 10) == [1, 2, 3, 4, 5]
    assert [await read(0, 2), await read(2, 2), await read(4, 2)] == [[1, 2], [3, 4], [5]]
    assert [await read(5, 2), await read(9, 2)] == [[], []]
    stored = await bench.store().entries_after("node-1", 0, 10)
    assert [decode_entry(each) for each in stored] == entries
    assert await bench.store().entries_after("nobody's", 0, 10) == []


async def entries_are_found_by_the_ids_of_their_commands(bench: Bench) -> None:
    teller = await Teller.open(bench.store(), "node-1")
    other = await Teller.open(bench.store(), "node-2")
    first = await teller.run("ann", "ADD", 1)
    refusal = await other.run("bob", "COMMIT_BUY")
    await teller.run("ann", "ADD", 2)
    store = bench.store()
    ids = [first.command_id, b"\0" * 16, refusal.command_id]
    assert await store.entries_by_id(ids) == {
        first.command_id: first,
        refusal.command_id: refusal,
    }
    assert await store.entries_by_id([]) == {}


async def an_entry_has_a_place_in_its_stream(bench: Bench) -> None:
    teller = await Teller.open(bench.store(), "node-1")
    other = await Teller.open(bench.store(), "node-2")
    await teller.run("ann", "ADD", 1)
    second = await teller.run("bob", "ADD", 2)
    refusal = await other.run("bob", "COMMIT_BUY")
    store = bench.store()
    assert await store.place_of(second.command_id) == ("node-1", 2)
    assert await store.place_of(refusal.command_id) == ("node-2", 1)
    assert await store.place_of(b"\0" * 16) is None


async def a_history_is_told_newest_first_page_by_page(bench: Bench) -> None:
    teller = await Teller.open(bench.store(), "node-1")
    other = await Teller.open(bench.store(), "node-2")
    entries = []
    for number in range(1, 8):
        writer = teller if number % 3 else other
        entries.append(await writer.run("ann", "ADD", number))
        await writer.run("bob", "ADD", number)
    store = bench.store()
    assert await store.history("ann", 0, 3) == entries[:3:-1]
    assert await store.history("ann", 5, 3) == entries[3:0:-1]
    assert await store.history("ann", 2, 3) == entries[:1]
    assert await store.history("ann", 1, 3) == []
    assert await store.history("ann", 0, 0) == []
    assert await store.history("cid", 0, 3) == []


async def a_long_history_is_told_from_any_place_on(bench: Bench) -> None:
    teller = await Teller.open(bench.store(), "node-1")
    (write,) = await teller.load("ann")
    entries = [teller.decide(write, "ADD", number) for number in range(1, 51)]
    await teller.commit(write)
    entries += [await teller.run("ann", "ADD", number) for number in range(51, 71)]
    store = bench.store()
    for before_seq in range(1, 72):
        page = entries[max(0, before_seq - 21) : before_seq - 1]
        assert await store.history("ann", before_seq, 20) == page[::-1]
    assert await store.history("ann", 0, 100) == entries[::-1]


async def overdue_orders_are_found_the_longest_overdue_first(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    for user in ("cid", "ann", "bob"):
        await teller.open_account(user, 100)
        teller.now_ms += 10
        await teller.run(user, "BUY", "ABC", 5, price=1)
    await teller.open_account("dan", 100)
    store = bench.store()
    first_ms = START_MS + 10 + 60_001
    assert await store.overdue(first_ms - 1, 10) == []
    assert await store.overdue(first_ms, 10) == ["cid"]
    assert await store.overdue(first_ms + 20, 10) == ["cid", "ann", "bob"]
    assert await store.overdue(first_ms + 20, 2) == ["cid", "ann"]


async def nothing_is_overdue_once_it_was_looked_at(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann", 100)
    await teller.run("ann", "BUY", "ABC", 5, price=1)
    teller.now_ms += 60_001
    assert await teller.store.overdue(teller.now_ms, 10) == ["ann"]
    await teller.run("ann", "DISPLAY_SUMMARY")
    assert await teller.store.overdue(teller.now_ms, 10) == []
