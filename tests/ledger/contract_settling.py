"""Store contract: `settle` decides on the state of this very moment, each account whole."""

from collections.abc import Callable

from ledger import rules
from ledger.account import Account, Side
from ledger.entry import Entry, decode_entry
from ledger.store import CommandKnown, Fenced
from protocol.messages import Add
from protocol.quote import Quote
from tests.ledger.bench import Bench
from tests.ledger.teller import START_MS, Teller, entries_of, stored_state

AFTER_LAPSE_MS = START_MS + 60_001


def lapse(account: Account) -> list[Entry]:
    """What the trigger service lets `settle` decide about overdue orders."""
    return rules.lapse(account, AFTER_LAPSE_MS)


def add(account: Account) -> list[Entry]:
    """A decision that any account allows, under an id that is always the same."""
    entry = rules.decide(account, Add(account.user, 5, 7), b"add".ljust(16), START_MS)
    assert entry is not None
    return [entry]


async def settling_decides_on_what_is_stored_now_and_writes_it(bench: Bench) -> None:
    node = await Teller.open(bench.store(), "node-1")
    clerk = await Teller.open(bench.store(), "triggers")
    for user, cents in (("ann", 30), ("bob", 40)):
        await node.open_account(user, 100)
        await node.run(user, "BUY", "ABC", cents, price=1)
    encoded = await clerk.store.settle(clerk.stream, ["bob", "ann"], lapse)
    entries = [decode_entry(each) for each in encoded]
    assert [(entry.user, entry.seq, entry.total_cents) for entry in entries] == [
        ("ann", 3, 30),
        ("bob", 3, 40),
    ]
    for user in ("ann", "bob"):
        stored = (await node.store.load([user]))[user]
        assert (stored.cash_cents, stored.buys, stored.lapse_check_ms) == (100, [], 0)
        assert (await entries_of(node.store, user))[-1] in entries
    assert await clerk.store.entries_after("triggers", 0, 10) == encoded
    assert await clerk.numbers() == (2, 2)
    assert clerk.stream.last_ms == AFTER_LAPSE_MS


async def a_node_that_had_the_account_is_refused_after_settling(bench: Bench) -> None:
    node = await Teller.open(bench.store(), "node-1")
    clerk = await Teller.open(bench.store(), "triggers")
    await node.open_account("ann", 100)
    await node.run("ann", "BUY", "ABC", 30, price=1)
    (write,) = await node.load("ann")
    node.decide(write, "COMMIT_BUY")
    assert len(await clerk.store.settle(clerk.stream, ["ann"], lapse)) == 1
    assert (await node.store.commit(node.stream, [write])).conflicted == {"ann"}
    assert (await stored_state(node.store, "ann"))["holdings"] == {}


async def a_trigger_fires_once_however_often_it_is_settled(bench: Bench) -> None:
    node = await Teller.open(bench.store(), "node-1")
    clerk = await Teller.open(bench.store(), "triggers")
    await node.open_account("ann", 100)
    await node.run("ann", "SET_BUY_AMOUNT", "ABC", 50)
    await node.run("ann", "SET_BUY_TRIGGER", "ABC", 7)
    assert len(await clerk.store.settle(clerk.stream, ["ann"], _fire_at(7))) == 1
    assert await clerk.store.settle(clerk.stream, ["ann"], _fire_at(7)) == []
    stored = (await node.store.load(["ann"]))["ann"]
    assert (stored.holdings, stored.buy_triggers, stored.cash_cents) == ({"ABC": 7}, {}, 51)
    assert await clerk.numbers() == (1, 1)


async def settling_a_user_named_twice_decides_once(bench: Bench) -> None:
    node = await Teller.open(bench.store(), "node-1")
    await node.open_account("ann", 100)
    await node.run("ann", "BUY", "ABC", 30, price=1)
    asked: list[str] = []

    def decide(account: Account) -> list[Entry]:
        asked.append(account.user)
        return lapse(account)

    assert len(await node.store.settle(node.stream, ["ann", "ann"], decide)) == 1
    assert asked == ["ann"]


async def settling_stores_a_change_that_has_no_entry(bench: Bench) -> None:
    """An early look at the orders of a user changes only when to look again."""
    node = await Teller.open(bench.store(), "node-1")
    await node.open_account("ann", 100)
    await node.run("ann", "BUY", "ABC", 30, price=1)
    await node.run("ann", "COMMIT_BUY")
    before = await stored_state(node.store, "ann")
    numbers = await node.numbers()
    assert await node.store.settle(node.stream, ["ann"], lapse) == []
    assert await stored_state(node.store, "ann") == {**before, "lapse_check_ms": 0}
    assert await node.numbers() == numbers
    await node.run("ann", "ADD", 1)


async def settling_an_unknown_user_may_begin_his_journal(bench: Bench) -> None:
    clerk = await Teller.open(bench.store(), "triggers")
    (encoded,) = await clerk.store.settle(clerk.stream, ["eve"], add)
    assert await entries_of(clerk.store, "eve") == [decode_entry(encoded)]
    assert (await stored_state(clerk.store, "eve"))["seq"] == 1


async def settling_an_unknown_user_without_a_decision_writes_nothing(bench: Bench) -> None:
    clerk = await Teller.open(bench.store(), "triggers")
    assert await clerk.store.settle(clerk.stream, ["nobody"], lapse) == []
    assert await clerk.store.accounts_after("", 10) == []
    assert await clerk.numbers() == (0, 0)


async def settling_under_a_known_id_writes_nothing(bench: Bench) -> None:
    clerk = await Teller.open(bench.store(), "triggers")
    await clerk.open_account("ann", 100)
    await clerk.run("ann", "BUY", "ABC", 30, price=1)

    def decide(account: Account) -> list[Entry]:
        return lapse(account) if account.user == "ann" else add(account)

    await clerk.store.settle(clerk.stream, ["eve"], decide)
    before = await stored_state(clerk.store, "ann")
    assert await _raises(CommandKnown, clerk, ["eve", "ann"], decide)
    assert await stored_state(clerk.store, "ann") == before
    assert await clerk.numbers() == (3, 3)
    assert len(await clerk.store.settle(clerk.stream, ["ann"], decide)) == 1


async def a_fenced_writer_settles_nothing(bench: Bench) -> None:
    old = await Teller.open(bench.store(), "triggers")
    await old.open_account("ann", 100)
    await old.run("ann", "BUY", "ABC", 30, price=1)
    new = await Teller.open(bench.store(), "triggers")
    before = await stored_state(new.store, "ann")
    assert await _raises(Fenced, old, ["ann"], lapse)
    assert await stored_state(new.store, "ann") == before
    assert len(await new.store.settle(new.stream, ["ann"], lapse)) == 1


async def a_decision_that_fails_leaves_everything_as_it_was(bench: Bench) -> None:
    """Nothing stays locked either: the next writer is not kept waiting."""
    clerk = await Teller.open(bench.store(), "triggers")
    for user in ("ann", "bob"):
        await clerk.open_account(user, 100)
        await clerk.run(user, "BUY", "ABC", 30, price=1)
    before = await stored_state(clerk.store, "ann")

    def decide(account: Account) -> list[Entry]:
        if account.user == "bob":
            raise ZeroDivisionError
        return lapse(account)

    assert await _raises(ZeroDivisionError, clerk, ["ann", "bob"], decide)
    assert await stored_state(bench.store(), "ann") == before
    next_clerk = await Teller.open(bench.store(), "triggers")
    assert len(await next_clerk.store.settle(next_clerk.stream, ["ann", "bob"], lapse)) == 2


def _fire_at(price_cents: int) -> Callable[[Account], list[Entry]]:
    quote = Quote("ABC", price_cents, START_MS, "key=", "ann")

    def fire(account: Account) -> list[Entry]:
        entry = rules.fire(account, Side.BUY, "ABC", quote, START_MS)
        return [] if entry is None else [entry]

    return fire


async def _raises(
    error: type[Exception],
    teller: Teller,
    users: list[str],
    decide: Callable[[Account], list[Entry]],
) -> bool:
    try:
        await teller.store.settle(teller.stream, users, decide)
    except error:
        return True
    return False
