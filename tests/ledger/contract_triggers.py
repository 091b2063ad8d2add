"""Store contract: which triggers are armed, and that changes are announced."""

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from ledger.account import Side, TriggerName
from ledger.store import ArmedTrigger
from tests.ledger.bench import Bench
from tests.ledger.teller import START_MS, Teller

ANN_BUYS = TriggerName("ann", Side.BUY, "ABC")
ANN_SELLS = TriggerName("ann", Side.SELL, "ABC")


async def _trader(bench: Bench) -> Teller:
    """A teller at whose node ann has a trigger of each side armed, and bob one that is not."""
    teller = await Teller.open(bench.store())
    for user in ("ann", "bob"):
        await teller.open_account(user, 100, ABC=100)
        await teller.run(user, "SET_BUY_AMOUNT", "ABC", 50)
    await teller.run("ann", "SET_SELL_AMOUNT", "abc", 50, price=7)
    teller.now_ms += 5
    await teller.run("ann", "SET_BUY_TRIGGER", "abc", 7)
    await teller.run("ann", "SET_SELL_TRIGGER", "ABC", 8)
    return teller


async def _armed_names(bench: Bench) -> set[TriggerName]:
    armed = await bench.store().armed()
    return {TriggerName(trigger.user, trigger.side, trigger.symbol) for trigger in armed}


async def only_armed_triggers_are_told_with_all_that_a_watcher_needs(bench: Bench) -> None:
    await _trader(bench)
    assert sorted(await bench.store().armed()) == [
        ArmedTrigger("ABC", Side.BUY, 7, "ann", START_MS + 5, 12),
        ArmedTrigger("ABC", Side.SELL, 8, "ann", START_MS + 5, 13),
    ]


async def armed_triggers_are_told_by_name(bench: Bench) -> None:
    teller = await _trader(bench)
    await teller.run("bob", "SET_BUY_TRIGGER", "ABC", 3)
    asked = [
        ANN_SELLS,
        TriggerName("bob", Side.BUY, "ABC"),
        TriggerName("bob", Side.SELL, "ABC"),
        TriggerName("ann", Side.BUY, "XYZ"),
    ]
    told = await bench.store().armed(asked)
    assert {(trigger.user, trigger.side) for trigger in told} == {
        ("ann", Side.SELL),
        ("bob", Side.BUY),
    }
    assert await bench.store().armed([]) == []


async def triggers_armed_since_a_moment_are_told(bench: Bench) -> None:
    teller = await _trader(bench)
    teller.now_ms += 5
    await teller.run("bob", "SET_BUY_TRIGGER", "ABC", 3)
    told = {since: await bench.store().armed_since(START_MS + since) for since in (5, 6, 10, 11)}
    assert {since: sorted(trigger.user for trigger in each) for since, each in told.items()} == {
        5: ["ann", "ann", "bob"],
        6: ["bob"],
        10: ["bob"],
        11: [],
    }


async def a_trigger_set_again_is_told_with_its_new_price(bench: Bench) -> None:
    teller = await _trader(bench)
    teller.now_ms += 5
    await teller.run("ann", "SET_BUY_TRIGGER", "ABC", 6)
    (told,) = await bench.store().armed([ANN_BUYS])
    assert (told.price_cents, told.armed_ms, told.transaction_num) == (6, START_MS + 10, 14)


async def a_buy_amount_set_again_leaves_it_armed(bench: Bench) -> None:
    teller = await _trader(bench)
    await teller.run("ann", "SET_BUY_AMOUNT", "ABC", 20)
    assert await _armed_names(bench) == {ANN_BUYS, ANN_SELLS}


async def a_sell_amount_set_again_disarms_it(bench: Bench) -> None:
    teller = await _trader(bench)
    await teller.run("ann", "SET_SELL_AMOUNT", "ABC", 40, price=7)
    assert await _armed_names(bench) == {ANN_BUYS}


async def a_cancelled_trigger_is_armed_no_more_and_gone(bench: Bench) -> None:
    teller = await _trader(bench)
    await teller.run("ann", "CANCEL_SET_BUY", "abc")
    assert await _armed_names(bench) == {ANN_SELLS}
    await teller.run("ann", "CANCEL_SET_SELL", "ABC")
    assert await _armed_names(bench) == set()
    (account,) = (await bench.store().load(["ann"])).values()
    assert (account.buy_triggers, account.sell_triggers) == ({}, {})


async def a_fired_trigger_is_armed_no_more_and_gone(bench: Bench) -> None:
    teller = await _trader(bench)
    (write,) = await teller.load("ann")
    teller.fire(write, Side.SELL, "ABC", 9)
    await teller.commit(write)
    assert await _armed_names(bench) == {ANN_BUYS}
    (account,) = (await bench.store().load(["ann"])).values()
    assert account.sell_triggers == {}


async def a_trigger_set_and_gone_within_one_batch_leaves_nothing(bench: Bench) -> None:
    teller = await _trader(bench)
    (write,) = await teller.load("bob")
    teller.decide(write, "SET_BUY_TRIGGER", "ABC", 7)
    teller.fire(write, Side.BUY, "ABC", 7)
    teller.decide(write, "SET_SELL_AMOUNT", "XYZ", 5, price=1)
    teller.decide(write, "SET_BUY_AMOUNT", "XYZ", 5)
    teller.decide(write, "CANCEL_SET_BUY", "XYZ")
    await teller.commit(write)
    (account,) = (await bench.store().load(["bob"])).values()
    assert (account.buy_triggers, account.sell_triggers) == ({}, {})


async def a_refused_command_changes_no_trigger(bench: Bench) -> None:
    teller = await _trader(bench)
    before = sorted(await bench.store().armed())
    await teller.run("ann", "SET_BUY_TRIGGER", "ABC", 0)
    await teller.run("ann", "SET_SELL_TRIGGER", "ABC", 51)
    await teller.run("ann", "CANCEL_SET_BUY", "XYZ")
    assert sorted(await bench.store().armed()) == before


async def changed_triggers_are_announced_to_who_listens(bench: Bench) -> None:
    heard: Deferred[Sequence[TriggerName]] = Deferred()
    await bench.listen(heard.callback)
    names = [ANN_BUYS, TriggerName("-._@", Side.SELL, "Z")]
    await bench.store().announce_armed(names)
    assert list(await heard) == names


async def a_long_announcement_arrives_whole_and_in_order(bench: Bench) -> None:
    names = [TriggerName(f"{n:064}", Side.SELL, "XYZ") for n in range(1_000)]
    heard: list[TriggerName] = []
    complete: Deferred[None] = Deferred()

    def listen(announced: Sequence[TriggerName]) -> None:
        heard.extend(announced)
        if len(heard) == len(names):
            complete.callback(None)

    await bench.listen(listen)
    await bench.store().announce_armed(names)
    await complete
    assert heard == names
