"""Store contract: an account comes back exactly as it was committed, whoever loads it."""

import string

from ledger.account import Account, Side
from ledger.writes import AccountWrite
from protocol.authentication import AccessRole, Verifier
from protocol.errors import Code
from protocol.messages import Buy
from protocol.money import INT64_MAX
from tests.ledger.bench import Bench
from tests.ledger.teller import Teller, entries_in, entries_of, state_of, stored_state

USER_CHARACTERS = string.ascii_letters + string.digits + "_-.@"
ODD_TEXT = "a'b\"c\\d\0e,{}%s ä€\U0001f600\n"


async def an_unknown_user_loads_as_an_empty_account(bench: Bench) -> None:
    accounts = await bench.store().load(["ann", "bob"])
    assert accounts.keys() == {"ann", "bob"}
    assert state_of(accounts["bob"]) == state_of(Account("bob"))


async def loading_nobody_gives_nothing(bench: Bench) -> None:
    assert await bench.store().load([]) == {}


async def an_account_loads_as_it_was_committed_field_by_field(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann", 1_000, ABC=50, XYZ=60)
    await teller.open_account("bob", 7, ABC=1)
    (write,) = await teller.load("ann")
    for symbol in ("ABC", "XYZ"):
        teller.decide(write, "BUY", symbol, 50, price=7)
        teller.now_ms += 9
        teller.decide(write, "SELL", symbol, 20, price=3)
    teller.decide(write, "SET_BUY_AMOUNT", "ABC", 100)
    teller.decide(write, "SET_BUY_AMOUNT", "XYZ", 200)
    teller.decide(write, "SET_BUY_TRIGGER", "XYZ", 5)
    teller.decide(write, "SET_SELL_AMOUNT", "ABC", 30, price=3)
    teller.decide(write, "SET_SELL_AMOUNT", "XYZ", 40, price=3)
    teller.decide(write, "SET_SELL_TRIGGER", "XYZ", 4)
    await teller.commit(write)
    account = write.account
    assert (len(account.buys), len(account.sells)) == (2, 2)
    assert (len(account.buy_triggers), len(account.sell_triggers)) == (2, 2)
    assert account.lapse_check_ms > 0
    assert await stored_state(bench.store(), "ann") == state_of(account)


async def what_a_caller_does_to_a_loaded_account_stays_his_own_until_it_is_committed(
    bench: Bench,
) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann", 1_000, ABC=50)
    before = await stored_state(bench.store(), "ann")
    (write,) = await teller.load("ann")
    teller.decide(write, "SELL", "ABC", 50, price=1)
    teller.decide(write, "SET_BUY_AMOUNT", "ABC", 100)
    assert await stored_state(bench.store(), "ann") == before
    await teller.commit(write)
    committed = await stored_state(bench.store(), "ann")
    teller.decide(write, "CANCEL_SELL")
    assert await stored_state(bench.store(), "ann") == committed


async def a_holding_that_was_sold_out_is_gone_and_can_come_back(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann", 1_000, ABC=50, XYZ=1)
    await teller.run("ann", "SELL", "ABC", 50, price=1)
    assert (await stored_state(bench.store(), "ann"))["holdings"] == {"XYZ": 1}
    await teller.run("ann", "CANCEL_SELL")
    assert (await stored_state(bench.store(), "ann"))["holdings"] == {"ABC": 50, "XYZ": 1}


async def orders_that_lapsed_or_were_answered_are_gone(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann", 1_000, ABC=50)
    await teller.run("ann", "BUY", "ABC", 10, price=1)
    teller.now_ms += 1
    await teller.run("ann", "SELL", "ABC", 10, price=1)
    teller.now_ms += 60_000
    await teller.run("ann", "DISPLAY_SUMMARY")
    (account,) = (await bench.store().load(["ann"])).values()
    assert (account.buys, len(account.sells)) == ([], 1)
    await teller.run("ann", "COMMIT_SELL")
    (account,) = (await bench.store().load(["ann"])).values()
    assert (account.buys, account.sells, account.cash_cents) == ([], [], 1_010)


async def a_refusal_is_stored_for_somebody_without_an_account(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    refusal = await teller.run("ann", "COMMIT_BUY")
    assert refusal.code is Code.UNKNOWN_USER
    (account,) = (await bench.store().load(["ann"])).values()
    assert (account.exists, account.seq, account.decided_ms) == (False, 1, teller.now_ms)
    await teller.run("ann", "ADD", 5)
    (account,) = (await bench.store().load(["ann"])).values()
    assert (account.exists, account.seq, account.cash_cents) == (True, 2, 5)


async def users_of_every_legal_character_are_told_apart(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    users = sorted([*USER_CHARACTERS, USER_CHARACTERS[:64], USER_CHARACTERS[-64:]])
    writes = await teller.load(*users)
    for cents, write in enumerate(writes, 1):
        assert teller.decide(write, "ADD", cents).code is Code.OK
    await teller.commit(*writes)
    stored = await bench.store().load(users)
    assert [stored[user].cash_cents for user in users] == list(range(1, len(users) + 1))


async def symbols_of_every_length_and_case_are_stored_in_upper_case(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann", 1_000)
    for symbol in ("a", "Zz", "xYz"):
        await teller.run("ann", "BUY", symbol, 5, price=1)
        await teller.run("ann", "COMMIT_BUY")
        await teller.run("ann", "SET_SELL_AMOUNT", symbol, 2, price=1)
        await teller.run("ann", "SET_BUY_AMOUNT", symbol, 2)
    (account,) = (await bench.store().load(["ann"])).values()
    symbols = {"A", "ZZ", "XYZ"}
    assert account.holdings == dict.fromkeys(symbols, 5)
    assert account.buy_triggers.keys() == account.sell_triggers.keys() == symbols
    assert {trigger.side for trigger in account.sell_triggers.values()} == {Side.SELL}


async def the_nameless_account_keeps_whatever_bad_users_wrote(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    (write,) = await teller.load("")
    teller.decide(write, "DUMPLOG", ODD_TEXT)
    bad = Buy(ODD_TEXT, 1, ODD_TEXT, -5)
    for command_id in (b"a" * 16, b"\xff" * 16):
        assert teller.take(write, bad, command_id=command_id).code is Code.BAD_USER
    await teller.commit(write)
    assert await entries_of(bench.store(), "") == entries_in(write)
    assert await stored_state(bench.store(), "") == state_of(write.account)


async def a_refused_symbol_of_any_text_is_stored_with_its_user(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann", 1_000)
    refusal = await teller.run("ann", "SET_BUY_AMOUNT", ODD_TEXT, 5)
    assert refusal.code is Code.BAD_SYMBOL
    assert (await entries_of(bench.store(), "ann"))[-1] == refusal


async def the_largest_numbers_are_stored(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    write = AccountWrite(Account("ann"), 0)
    write.account.cash_cents = INT64_MAX - 1
    write.account.holdings = {"ABC": INT64_MAX}
    teller.decide(write, "ADD", 1)
    teller.decide(write, "SELL", "ABC", 1, price=1)
    await teller.commit(write)
    assert await stored_state(bench.store(), "ann") == state_of(write.account)


async def a_batch_may_hold_500_users_with_4_entries_each(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    users = [f"user{number:03}" for number in range(500)]
    for round_number in range(2):
        writes = await teller.load(*users)
        for write in writes:
            teller.decide(write, "ADD", 100)
            teller.decide(write, "BUY", "ABC", 10, price=3)
            teller.decide(write, "COMMIT_BUY")
            teller.decide(write, "SET_BUY_AMOUNT", "ABC", 5)
        await teller.commit(*writes)
        assert await teller.numbers() == (2_000 * (round_number + 1),) * 2
    stored = await bench.store().load(users)
    assert [state_of(stored[write.account.user]) for write in writes] == [
        state_of(write.account) for write in writes
    ]


async def the_whole_ledger_can_be_walked_through_in_order_of_users(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    users = ["-x", "A", "B.", "_", "a", "a.", "aa", "b"]
    for user in users[::-1]:
        await teller.open_account(user, 5, ABC=2)
    store = bench.store()
    walked: list[Account] = []
    while page := await store.accounts_after(walked[-1].user if walked else "", 3):
        assert len(page) <= 3
        walked += page
    assert [account.user for account in walked] == users
    assert state_of(walked[3]) == await stored_state(store, "_")


async def a_verifier_is_kept_by_name_until_another_one_is_put(bench: Bench) -> None:
    first = Verifier(AccessRole.USER, b"\0salt", 4_096, b"\xffstored", b"server'")
    second = Verifier(AccessRole.ADMINISTRATOR, b"", 1, b"a", b"b")
    store, other = bench.store(), bench.store()
    assert await store.verifier_for("ann") is None
    await store.put_verifier("ann", first)
    await store.put_verifier("Ann", second)
    assert await other.verifier_for("ann") == first
    await other.put_verifier("ann", second)
    assert await store.verifier_for("ann") == second


async def no_name_reads_like_another_at_log_in(bench: Bench) -> None:
    store = bench.store()
    verifier = Verifier(AccessRole.OPERATOR, b"salt", 1, b"a", b"b")
    for name in ("ann", "o'brien \\ \"%s", "ärmel"):
        await store.put_verifier(name, verifier)
        assert await store.verifier_for(name) == verifier
    for name in ("", "a\0nn", "\0ann", "ANN", "ann ", "%", "' OR ''='"):
        assert await store.verifier_for(name) is None
