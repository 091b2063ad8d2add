"""What is refused, by which code, and which check comes first (SPEC section 1)."""

import pytest

from ledger import rules
from ledger.account import Account
from protocol.errors import Code
from protocol.messages import Add, Buy, DisplaySummary, DumpLog, QuoteRequest
from protocol.money import AMOUNT_MAX_CENTS, INT64_MAX, INT64_MIN
from tests.ledger.desk import Desk

AMOUNT_COMMANDS = (
    "BUY",
    "SELL",
    "SET_BUY_AMOUNT",
    "SET_BUY_TRIGGER",
    "SET_SELL_AMOUNT",
    "SET_SELL_TRIGGER",
)
ORDER_ANSWERS = ("COMMIT_BUY", "CANCEL_BUY", "COMMIT_SELL", "CANCEL_SELL")
CANCEL_SETS = ("CANCEL_SET_BUY", "CANCEL_SET_SELL")
BAD_USERS = ("", "a b", "x" * 65, "änne", "ann\n", "a'b", "a\0b", "a/b")
BAD_SYMBOLS = ("", "ABCD", "A1", "A B", "Ä", "ABC\n", "ſ")
ODD_AMOUNTS = (0, -1, AMOUNT_MAX_CENTS + 1, INT64_MAX, INT64_MIN)


@pytest.mark.parametrize("name", AMOUNT_COMMANDS)
@pytest.mark.parametrize("amount", ODD_AMOUNTS)
def test_an_amount_out_of_range_is_refused(name: str, amount: int) -> None:
    assert Desk(cash_cents=100, ABC=10).code(name, "ABC", amount) is Code.BAD_AMOUNT


@pytest.mark.parametrize("amount", ODD_AMOUNTS)
def test_an_add_out_of_range_is_refused(amount: int) -> None:
    desk = Desk(cash_cents=100)
    assert desk.code("ADD", amount) is Code.BAD_AMOUNT
    assert desk.money == (100, 0)


@pytest.mark.parametrize("amount", [1, AMOUNT_MAX_CENTS])
def test_the_ends_of_the_range_are_taken(amount: int) -> None:
    desk = Desk()
    assert desk.code("ADD", amount) is Code.OK
    assert desk.code("SET_BUY_AMOUNT", "ABC", amount) is Code.OK
    assert desk.code("SET_BUY_TRIGGER", "ABC", amount) is Code.OK


@pytest.mark.parametrize("symbol", BAD_SYMBOLS)
@pytest.mark.parametrize("name", [*AMOUNT_COMMANDS, *CANCEL_SETS, "QUOTE"])
def test_a_bad_symbol_is_refused_and_recorded_as_it_came(name: str, symbol: str) -> None:
    arguments = (symbol, 10) if name in AMOUNT_COMMANDS else (symbol,)
    entry = Desk(cash_cents=100, ABC=10).do(name, *arguments)
    assert (entry.code, entry.symbol) == (Code.BAD_SYMBOL, symbol)


@pytest.mark.parametrize("symbol", ["A", "z", "Zz", "aBc", "XYZ"])
def test_one_to_three_letters_of_either_case_are_a_symbol(symbol: str) -> None:
    assert Desk(cash_cents=100).code("QUOTE", symbol, price=1) is Code.OK


@pytest.mark.parametrize("user", BAD_USERS)
def test_a_bad_user_is_journalled_under_the_nameless_account(user: str) -> None:
    """The caller passes the account of no name; nothing can ever come to it."""
    account = Account("")
    for seq, command in enumerate(
        [Add(user, 3, 100), QuoteRequest(user, 3, "ABC"), Buy(user, 3, "ABC", 5)], 1
    ):
        entry = rules.decide(account, command, bytes(16), 5)
        assert entry is not None
        assert (entry.code, entry.user, entry.seq) == (Code.BAD_USER, user, seq)
    summary = rules.decide(account, DisplaySummary(user, 3), bytes(16), 5)
    assert summary is not None
    assert summary.code is Code.BAD_USER
    assert not account.exists
    assert (account.seq, account.cash_cents) == (4, 0)


@pytest.mark.parametrize("user", ["a", "A-Z_0.9@x", "x" * 64, "-", "..", "Ann@home.org"])
def test_a_user_is_1_to_64_of_the_legal_characters(user: str) -> None:
    assert Desk(user=user).code("ADD", 1) is Code.OK


@pytest.mark.parametrize("name", [*AMOUNT_COMMANDS, *ORDER_ANSWERS, *CANCEL_SETS])
def test_without_an_account_nothing_else_is_judged(name: str) -> None:
    arguments: tuple[str | int, ...] = ()
    if name not in ORDER_ANSWERS:
        arguments = ("TOOLONG", -1) if name in AMOUNT_COMMANDS else ("TOOLONG",)
    desk = Desk()
    assert desk.code(name, *arguments) is Code.UNKNOWN_USER
    assert not desk.account.exists


def test_quote_dumplog_and_summary_need_no_account() -> None:
    desk = Desk()
    assert desk.code("QUOTE", "ABC", price=7) is Code.OK
    assert desk.code("DUMPLOG", "out.xml") is Code.OK
    assert desk.code("DISPLAY_SUMMARY") is Code.OK
    assert not desk.account.exists


@pytest.mark.parametrize(
    ("filename", "code"),
    [
        ("./testLOG", Code.OK),
        ("ä" * 255, Code.OK),
        ("", Code.BAD_FILENAME),
        ("a\nb", Code.BAD_FILENAME),
        ("a\x7f", Code.BAD_FILENAME),
        ("x" * 256, Code.BAD_FILENAME),
    ],
)
def test_a_dumplog_names_a_printable_file(filename: str, code: Code) -> None:
    entry = Desk(cash_cents=1).do("DUMPLOG", filename)
    assert (entry.code, entry.filename) == (code, filename)


def test_a_dump_of_all_belongs_to_the_nameless_account() -> None:
    entry = rules.decide(Account(""), DumpLog("", 9, "./testLOG"), bytes(16), 5)
    assert entry is not None
    assert (entry.code, entry.user, entry.seq) == (Code.OK, "", 1)


@pytest.mark.parametrize("name", ["BUY", "SET_BUY_AMOUNT"])
def test_too_little_cash_is_told_without_a_price(name: str) -> None:
    assert Desk(cash_cents=9, ABC=1).code(name, "ABC", 10) is Code.INSUFFICIENT_FUNDS


@pytest.mark.parametrize("name", ["SELL", "SET_SELL_AMOUNT"])
def test_a_holding_of_nothing_is_told_without_a_price(name: str) -> None:
    desk = Desk(cash_cents=100, XYZ=5)
    assert desk.code(name, "ABC", 10) is Code.INSUFFICIENT_HOLDING
    desk.account.holdings["ABC"] = 0
    assert desk.code(name, "ABC", 10) is Code.INSUFFICIENT_HOLDING


def test_a_sell_amount_whose_shares_its_own_trigger_holds_asks_for_a_price() -> None:
    desk = Desk(ABC=10)
    desk.do("SET_SELL_AMOUNT", "ABC", 10, price=1)
    desk.do("SET_SELL_TRIGGER", "ABC", 1)
    assert desk.shares("ABC") == (0, 10)
    assert desk.wants_price("SET_SELL_AMOUNT", "ABC", 10)
    assert desk.code("SELL", "ABC", 10) is Code.INSUFFICIENT_HOLDING


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("BUY", ("TOOLONG", 0), Code.BAD_SYMBOL),
        ("BUY", ("ABC", 0), Code.BAD_AMOUNT),
        ("BUY", ("ABC", AMOUNT_MAX_CENTS + 1), Code.BAD_AMOUNT),
        ("SELL", ("NON", -5), Code.BAD_AMOUNT),
        ("SET_BUY_TRIGGER", ("NON", 0), Code.BAD_AMOUNT),
        ("SET_SELL_TRIGGER", ("NON", 0), Code.BAD_AMOUNT),
        ("SET_SELL_AMOUNT", ("NON", 0), Code.BAD_AMOUNT),
    ],
)
def test_of_two_faults_the_earlier_check_is_told(
    name: str, arguments: tuple[str | int, ...], code: Code
) -> None:
    assert Desk(cash_cents=100, ABC=10).code(name, *arguments) is code


@pytest.mark.parametrize("name", ["SELL", "SET_SELL_AMOUNT"])
def test_less_than_a_share_is_told_before_too_few_shares(name: str) -> None:
    """With a holding of one share both can only fail together through the price."""
    desk = Desk(ABC=1)
    assert desk.code(name, "ABC", 9, price=10) is Code.AMOUNT_TOO_SMALL_FOR_A_SHARE
    assert desk.code(name, "ABC", 20, price=10) is Code.INSUFFICIENT_HOLDING


def test_a_sell_trigger_above_its_amount_is_told_before_the_holding_is_looked_at() -> None:
    desk = Desk(ABC=1)
    desk.do("SET_SELL_AMOUNT", "ABC", 10, price=10)
    desk.do("SELL", "ABC", 10, price=10)
    assert desk.code("SET_SELL_TRIGGER", "ABC", 11) is Code.AMOUNT_TOO_SMALL_FOR_A_SHARE
    assert desk.code("SET_SELL_TRIGGER", "ABC", 10) is Code.INSUFFICIENT_HOLDING


def test_an_add_fills_the_account_to_2_63_minus_1_and_no_further() -> None:
    desk = Desk(cash_cents=INT64_MAX - 30)
    desk.do("SET_BUY_AMOUNT", "ABC", 20)
    assert desk.code("ADD", 31) is Code.SUM_TOO_LARGE
    assert desk.code("ADD", 30) is Code.OK
    assert sum(desk.money) == INT64_MAX
    assert desk.code("ADD", 1) is Code.SUM_TOO_LARGE


def test_a_sell_that_no_account_could_be_paid_for_stays_pending() -> None:
    desk = Desk(cash_cents=INT64_MAX - 9, ABC=10)
    desk.do("SELL", "ABC", 10, price=1)
    assert desk.code("COMMIT_SELL") is Code.SUM_TOO_LARGE
    desk.account.cash_cents -= 1
    assert desk.code("COMMIT_SELL") is Code.OK
    assert desk.money == (INT64_MAX, 0)


def test_a_buy_whose_shares_no_account_could_hold_stays_pending() -> None:
    """Shares that are reserved count, too: they may come back."""
    desk = Desk(cash_cents=100, ABC=INT64_MAX - 9)
    desk.do("SELL", "ABC", 10, price=1)
    desk.do("BUY", "ABC", 10, price=1)
    assert desk.code("COMMIT_BUY") is Code.SUM_TOO_LARGE
    desk.do("COMMIT_SELL")
    assert desk.code("COMMIT_BUY") is Code.OK
