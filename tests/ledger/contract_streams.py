"""Store contract: a stream has one writer, and its entries are numbered in order without gaps."""

from ledger.store import Fenced, Position
from ledger.writes import AccountWrite
from tests.ledger.bench import Bench
from tests.ledger.teller import START_MS, Teller, entries_in, entries_of, state_of, stored_state


async def a_new_stream_starts_at_nothing(bench: Bench) -> None:
    stream = await bench.store().open_stream("node-1")
    assert (stream.name, stream.last_number, stream.last_ms) == ("node-1", 0, 0)
    assert await bench.store().positions() == {"node-1": Position(0, 0)}


async def a_stream_opened_again_goes_on_in_a_later_epoch(bench: Bench) -> None:
    first = await Teller.open(bench.store())
    await first.run("ann", "ADD", 1)
    first.now_ms += 7
    await first.run("ann", "ADD", 2)
    second = await Teller.open(bench.store())
    assert second.stream.epoch > first.stream.epoch
    assert second.stream.key == first.stream.key
    assert (second.stream.last_number, second.stream.last_ms) == (2, START_MS + 7)
    await second.run("ann", "ADD", 3)
    assert await second.numbers() == (3, 3)
    third = await Teller.open(second.store)
    assert third.stream.epoch > second.stream.epoch
    assert third.stream.last_number == 3


async def each_stream_has_numbers_and_a_key_of_its_own(bench: Bench) -> None:
    one = await Teller.open(bench.store(), "node-1")
    two = await Teller.open(bench.store(), "node-2")
    shared = await Teller.open(one.store, "node-1b")
    assert len({one.stream.key, two.stream.key, shared.stream.key}) == 3
    await one.run("ann", "ADD", 1)
    await two.run("ann", "ADD", 2)
    two.now_ms += 5
    await two.run("bob", "ADD", 3)
    assert await bench.store().positions() == {
        "node-1": Position(1, START_MS),
        "node-2": Position(2, START_MS + 5),
        "node-1b": Position(0, 0),
    }


async def a_fenced_writer_writes_nothing(bench: Bench) -> None:
    old = await Teller.open(bench.store())
    await old.open_account("ann")
    new = await Teller.open(bench.store())
    before = await stored_state(new.store, "ann")
    writes = await old.load("ann", "bob")
    for write in writes:
        old.decide(write, "ADD", 5)
    assert await _is_fenced(old, *writes)
    assert await stored_state(new.store, "ann") == before
    assert await entries_of(new.store, "bob") == []
    assert await new.numbers() == (1, 1)
    await new.run("ann", "ADD", 7)
    assert await new.numbers() == (2, 2)


async def a_writer_stays_fenced_after_the_new_one_has_written(bench: Bench) -> None:
    old = await Teller.open(bench.store())
    new = await Teller.open(bench.store())
    await new.run("ann", "ADD", 7)
    for user in ("ann", "bob"):
        (write,) = await old.load(user)
        old.decide(write, "ADD", 5)
        assert await _is_fenced(old, write)
    assert (await stored_state(new.store, "ann"))["cash_cents"] == 7


async def opening_a_stream_fences_nobody_elses(bench: Bench) -> None:
    one = await Teller.open(bench.store(), "node-1")
    await Teller.open(bench.store(), "node-2")
    await one.run("ann", "ADD", 7)
    assert await one.numbers() == (1, 1)


async def the_entries_of_a_batch_are_numbered_by_their_times(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    ann, bob = await teller.load("ann", "bob")
    decided = []
    for write, at_ms in ((bob, 0), (ann, 1), (bob, 1), (bob, 2), (ann, 3)):
        teller.now_ms = START_MS + at_ms
        teller.decide(write, "ADD", 1)
        decided.append(write.lines[-1].encoded)
    await teller.commit(ann, bob)
    assert await teller.store.entries_after("node-1", 0, 10) == decided
    assert await entries_of(teller.store, "ann") == entries_in(ann)
    assert await entries_of(teller.store, "bob") == entries_in(bob)
    assert teller.stream.last_ms == START_MS + 3
    assert (await teller.store.positions())["node-1"] == Position(5, START_MS + 3)


async def the_time_of_a_stream_never_goes_back(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    await teller.run("ann", "ADD", 1)
    teller.now_ms -= 5
    await teller.run("bob", "ADD", 1)
    assert teller.stream.last_ms == START_MS
    assert (await teller.store.positions())["node-1"] == Position(2, START_MS)


async def a_batch_that_is_written_leaves_the_callers_accounts_alone(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    (write,) = await teller.load("ann")
    teller.decide(write, "ADD", 1)
    before = state_of(write.account)
    await teller.commit(write)
    assert state_of(write.account) == before


async def _is_fenced(teller: Teller, *writes: AccountWrite) -> bool:
    try:
        await teller.store.commit(teller.stream, writes)
    except Fenced:
        return True
    return False
