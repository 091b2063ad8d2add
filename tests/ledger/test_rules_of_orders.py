"""ADD, QUOTE, BUY, SELL and their COMMITs and CANCELs: each row of SPEC section 1 as an example."""

import pytest

from ledger.entry import Action, Cause, Entry, Movement, Posting
from ledger.outcome import NoPrice
from ledger.rules import PRICED
from protocol.errors import Code
from protocol.messages import Buy, QuoteRequest
from protocol.quote import Quote
from tests.ledger.desk import START_MS, Desk

LAST_MOMENT_MS = START_MS + 60_000

PRICED_COMMANDS = pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("QUOTE", ("ABC",)),
        ("BUY", ("ABC", 50)),
        ("SELL", ("ABC", 50)),
        ("SET_SELL_AMOUNT", ("ABC", 50)),
    ],
)


def test_the_first_add_creates_the_account() -> None:
    desk = Desk()
    entry = desk.do("ADD", 1_50)
    assert (entry.code, entry.total_cents) == (Code.OK, 1_50)
    assert entry.postings == (Posting(Action.ADD, 1_50),)
    assert desk.account.exists
    assert desk.money == (1_50, 0)


def test_a_refused_add_creates_no_account() -> None:
    desk = Desk()
    assert desk.code("ADD", 0) is Code.BAD_AMOUNT
    assert not desk.account.exists


def test_a_quote_shows_the_price_and_how_long_it_may_be_used() -> None:
    desk = Desk()
    price = Quote("ABC", 7, START_MS - 25_000, "k", "bob")
    entry = desk.do("QUOTE", "ABC", price=price)
    assert (entry.code, entry.price_cents, entry.quote) == (Code.OK, 7, price)
    assert entry.valid_until_ms == START_MS + 35_000
    assert (entry.shares, entry.total_cents, entry.postings, entry.movements) == (0, 0, (), ())
    assert not desk.account.exists


def test_a_buy_reserves_the_cost_of_whole_shares() -> None:
    desk = Desk(cash_cents=100)
    entry = desk.do("BUY", "ABC", 50, price=7)
    assert (entry.code, entry.price_cents, entry.shares, entry.total_cents) == (Code.OK, 7, 7, 49)
    assert entry.valid_until_ms == LAST_MOMENT_MS
    assert (entry.postings, entry.movements) == ((Posting(Action.RESERVE, 49),), ())
    assert desk.money == (51, 49)
    assert desk.shares("ABC") == (0, 0)


@pytest.mark.parametrize(("price", "shares"), [(100, 1), (99, 1), (50, 2), (51, 1), (1, 100)])
def test_a_buy_rounds_down_to_whole_shares(price: int, shares: int) -> None:
    desk = Desk(cash_cents=100)
    entry = desk.do("BUY", "ABC", 100, price=price)
    assert (entry.shares, entry.total_cents) == (shares, shares * price)
    assert desk.money == (100 - shares * price, shares * price)


def test_a_buy_may_spend_exactly_all_cash_and_not_a_cent_more() -> None:
    desk = Desk(cash_cents=100)
    assert desk.code("BUY", "ABC", 101, price=1) is Code.INSUFFICIENT_FUNDS
    assert desk.code("BUY", "ABC", 100, price=100) is Code.OK
    assert desk.money == (0, 100)


def test_a_buy_of_less_than_one_share_is_refused_at_the_price_that_decided() -> None:
    desk = Desk(cash_cents=100)
    entry = desk.do("BUY", "ABC", 99, price=100)
    assert (entry.code, entry.price_cents) == (Code.AMOUNT_TOO_SMALL_FOR_A_SHARE, 100)
    assert entry.quote == Quote("ABC", 100, START_MS, "key=", "ann")
    assert (entry.shares, entry.total_cents, entry.valid_until_ms) == (0, 0, 0)


def test_committing_a_buy_spends_the_reserve_at_the_price_of_the_buy() -> None:
    desk = Desk(cash_cents=100)
    desk.do("BUY", "ABC", 50, price=7)
    buy_id = desk.last_id
    entry = desk.do("COMMIT_BUY")
    assert (entry.code, entry.order_id) == (Code.OK, buy_id)
    assert (entry.price_cents, entry.shares, entry.total_cents) == (7, 7, 49)
    assert (entry.quote, entry.symbol, entry.valid_until_ms) == (None, "", 0)
    assert entry.postings == (Posting(Action.REMOVE, 49),)
    assert entry.movements == (Movement("ABC", 7, 0),)
    assert desk.money == (51, 0)
    assert desk.shares("ABC") == (7, 0)


def test_cancelling_a_buy_gives_the_reserve_back() -> None:
    desk = Desk(cash_cents=100)
    desk.do("BUY", "ABC", 50, price=7)
    buy_id = desk.last_id
    entry = desk.do("CANCEL_BUY")
    assert (entry.code, entry.order_id, entry.total_cents) == (Code.OK, buy_id, 49)
    assert (entry.postings, entry.movements) == ((Posting(Action.RELEASE, 49),), ())
    assert desk.money == (100, 0)


def test_a_sell_reserves_whole_shares_and_no_money() -> None:
    desk = Desk(ABC=10)
    entry = desk.do("SELL", "ABC", 50, price=7)
    assert (entry.code, entry.price_cents, entry.shares, entry.total_cents) == (Code.OK, 7, 7, 49)
    assert entry.valid_until_ms == LAST_MOMENT_MS
    assert (entry.postings, entry.movements) == ((), (Movement("ABC", -7, 7),))
    assert desk.shares("ABC") == (3, 7)
    assert desk.money == (0, 0)


def test_a_sell_may_sell_exactly_the_holding_and_not_a_share_more() -> None:
    desk = Desk(ABC=10)
    entry = desk.do("SELL", "ABC", 77, price=7)
    assert (entry.code, entry.price_cents) == (Code.INSUFFICIENT_HOLDING, 7)
    assert desk.code("SELL", "ABC", 76, price=7) is Code.OK
    assert desk.shares("ABC") == (0, 10)


def test_a_sell_of_less_than_one_share_is_refused() -> None:
    desk = Desk(ABC=10)
    assert desk.code("SELL", "ABC", 6, price=7) is Code.AMOUNT_TOO_SMALL_FOR_A_SHARE
    assert desk.code("SELL", "ABC", 7, price=7) is Code.OK


def test_shares_of_a_pending_sell_cannot_be_sold_again() -> None:
    desk = Desk(ABC=10)
    desk.do("SELL", "ABC", 6, price=1)
    assert desk.code("SELL", "ABC", 5, price=1) is Code.INSUFFICIENT_HOLDING
    assert desk.code("SELL", "ABC", 4, price=1) is Code.OK


def test_committing_a_sell_brings_the_price_of_the_sell() -> None:
    desk = Desk(ABC=10)
    desk.do("SELL", "ABC", 50, price=7)
    sell_id = desk.last_id
    entry = desk.do("COMMIT_SELL")
    assert (entry.code, entry.order_id) == (Code.OK, sell_id)
    assert (entry.price_cents, entry.shares, entry.total_cents) == (7, 7, 49)
    assert entry.postings == (Posting(Action.ADD, 49),)
    assert entry.movements == (Movement("ABC", 0, -7),)
    assert desk.money == (49, 0)
    assert desk.shares("ABC") == (3, 0)


def test_cancelling_a_sell_gives_the_shares_back() -> None:
    desk = Desk(ABC=10)
    desk.do("SELL", "ABC", 50, price=7)
    sell_id = desk.last_id
    entry = desk.do("CANCEL_SELL")
    assert (entry.code, entry.order_id, entry.shares) == (Code.OK, sell_id, 7)
    assert (entry.postings, entry.movements) == ((), (Movement("ABC", 7, -7),))
    assert desk.shares("ABC") == (10, 0)


@pytest.mark.parametrize("answer", ["COMMIT", "CANCEL"])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_an_order_is_answered_once_and_on_its_own_side(answer: str, side: str) -> None:
    desk = Desk(cash_cents=100, ABC=10)
    other = {"BUY": "SELL", "SELL": "BUY"}[side]
    desk.do(side, "ABC", 10, price=5)
    assert desk.do(f"{answer}_{other}").code.name == f"NO_PENDING_{other}"
    assert desk.code(f"{answer}_{side}") is Code.OK
    assert desk.do(f"{answer}_{side}").code.name == f"NO_PENDING_{side}"


def test_symbols_are_upper_cased_and_the_entry_keeps_what_was_written() -> None:
    desk = Desk(cash_cents=100)
    assert desk.do("BUY", "aBc", 50, price=7).symbol == "aBc"
    entry = desk.do("COMMIT_BUY")
    assert entry.movements == (Movement("ABC", 7, 0),)
    assert desk.do("SELL", "abc", 7, price=7).movements == (Movement("ABC", -1, 1),)


def test_an_entry_says_who_asked_for_what_and_when() -> None:
    desk = Desk(cash_cents=100)
    desk.transaction_num = 41
    entry = desk.do("BUY", "ABC", 50, price=7)
    assert entry == Entry(
        user="ann",
        seq=1,
        command_id=desk.last_id,
        kind=Buy.KIND,
        cause=Cause.COMMAND,
        transaction_num=42,
        decided_ms=START_MS,
        symbol="ABC",
        amount_cents=50,
        quote=Quote("ABC", 7, START_MS, "key=", "ann"),
        price_cents=7,
        shares=7,
        total_cents=49,
        valid_until_ms=LAST_MOMENT_MS,
        postings=(Posting(Action.RESERVE, 49),),
    )


@PRICED_COMMANDS
def test_a_priced_command_asks_for_a_price_before_it_changes_anything(
    name: str, arguments: tuple[str | int, ...]
) -> None:
    desk = Desk(cash_cents=100, ABC=100)
    assert desk.wants_price(name, *arguments)
    assert (desk.account.seq, desk.account.decided_ms) == (0, 0)
    assert desk.code(name, *arguments, price=7) is Code.OK


@PRICED_COMMANDS
def test_a_priced_command_is_refused_for_good_when_no_price_can_be_had(
    name: str, arguments: tuple[str | int, ...]
) -> None:
    entry = Desk(cash_cents=100, ABC=100).do(name, *arguments, price=NoPrice("it is down"))
    assert (entry.code, entry.quote) == (Code.QUOTE_UNAVAILABLE, None)
    assert "it is down" in entry.message


@PRICED_COMMANDS
def test_a_price_of_exactly_60_s_decides_and_an_older_one_counts_as_none(
    name: str, arguments: tuple[str | int, ...]
) -> None:
    desk = Desk(cash_cents=100, ABC=100)
    too_old = Quote("ABC", 7, START_MS - 60_001, "k", "u")
    assert desk.wants_price(name, *arguments, price=too_old)
    usable = Quote("ABC", 7, START_MS - 60_000, "k", "u")
    assert desk.do(name, *arguments, price=usable).quote == usable


def test_exactly_the_priced_commands_are_listed() -> None:
    assert {command.NAME for command in PRICED} == {"QUOTE", "BUY", "SELL", "SET_SELL_AMOUNT"}


def test_any_users_quote_may_decide() -> None:
    desk = Desk(cash_cents=100)
    quote = Quote("ABC", 7, START_MS, "k", "somebody")
    assert desk.decide(Buy("ann", 1, "ABC", 50), quote) is not None
    assert desk.decide(QuoteRequest("ann", 2, "ABC"), quote) is not None
    assert desk.money == (51, 49)
