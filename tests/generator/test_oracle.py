"""What the oracle makes of names, amounts, ADD, QUOTE and the order of checks (SPEC section 1)."""

import pytest

from generator.oracle import Oracle
from protocol.errors import Code
from protocol.messages import COMMANDS, Add, Buy
from tests.generator.desk import INT64_MAX, START_MS, Desk

ANY_ARGUMENTS: dict[str, tuple[str | int, ...]] = {
    "ADD": (100,),
    "QUOTE": ("ABC",),
    "BUY": ("ABC", 100),
    "COMMIT_BUY": (),
    "CANCEL_BUY": (),
    "SELL": ("ABC", 100),
    "COMMIT_SELL": (),
    "CANCEL_SELL": (),
    "SET_BUY_AMOUNT": ("ABC", 100),
    "SET_BUY_TRIGGER": ("ABC", 100),
    "CANCEL_SET_BUY": ("ABC",),
    "SET_SELL_AMOUNT": ("ABC", 100),
    "SET_SELL_TRIGGER": ("ABC", 100),
    "CANCEL_SET_SELL": ("ABC",),
    "DUMPLOG": ("./out",),
    "DISPLAY_SUMMARY": (),
}
NEED_NO_ACCOUNT = {"ADD", "QUOTE", "DUMPLOG", "DISPLAY_SUMMARY"}
TAKE_A_SYMBOL = [name for name, arguments in ANY_ARGUMENTS.items() if "ABC" in arguments]
TAKE_AN_AMOUNT = [name for name, arguments in ANY_ARGUMENTS.items() if 100 in arguments]


def test_the_table_above_has_all_sixteen_commands() -> None:
    assert set(ANY_ARGUMENTS) == set(COMMANDS)


class TestNamesAndAmounts:
    @pytest.mark.parametrize("name", ANY_ARGUMENTS)
    @pytest.mark.parametrize("user", ["a b", "ü", "x" * 65, "a\n"])
    def test_a_bad_user_name_is_the_first_fault(self, name: str, user: str) -> None:
        arguments = [-1 if a == 100 else a for a in ANY_ARGUMENTS[name]]
        arguments = ["A1" if a == "ABC" else a for a in arguments]
        assert Desk().do(name, *arguments, user=user).code == Code.BAD_USER

    @pytest.mark.parametrize("name", sorted(set(ANY_ARGUMENTS) - {"DUMPLOG"}))
    def test_an_empty_user_name_is_bad_for_all_but_dumplog(self, name: str) -> None:
        assert Desk().do(name, *ANY_ARGUMENTS[name], user="").code == Code.BAD_USER

    @pytest.mark.parametrize("user", ["a", "x" * 64, "Az09_-.@"])
    def test_a_good_user_name_is_taken(self, user: str) -> None:
        assert Desk().do("ADD", 1, user=user).accepted

    @pytest.mark.parametrize("name", sorted(set(ANY_ARGUMENTS) - NEED_NO_ACCOUNT))
    def test_an_unknown_user_is_refused_before_symbol_and_amount(self, name: str) -> None:
        arguments = ["A1" if a == "ABC" else a for a in ANY_ARGUMENTS[name]]
        arguments = [-1 if a == 100 else a for a in arguments]
        assert Desk().code(name, *arguments) == Code.UNKNOWN_USER

    @pytest.mark.parametrize("name", sorted(NEED_NO_ACCOUNT))
    def test_add_quote_dumplog_and_summary_need_no_account(self, name: str) -> None:
        assert Desk().do(name, *ANY_ARGUMENTS[name], price=5).accepted

    @pytest.mark.parametrize("name", TAKE_A_SYMBOL)
    @pytest.mark.parametrize("symbol", ["", "ABCD", "A1", "ÄB", "A B"])
    def test_a_bad_symbol_is_refused_before_the_amount(self, name: str, symbol: str) -> None:
        arguments = [symbol if a == "ABC" else a for a in ANY_ARGUMENTS[name]]
        arguments = [0 if a == 100 else a for a in arguments]
        assert Desk(cash_cents=1).code(name, *arguments) == Code.BAD_SYMBOL

    @pytest.mark.parametrize("name", TAKE_AN_AMOUNT)
    @pytest.mark.parametrize("amount", [0, -1, -INT64_MAX, 1_000_000_000_001, INT64_MAX])
    def test_an_amount_out_of_range_is_refused_before_the_state(
        self, name: str, amount: int
    ) -> None:
        arguments = [amount if a == 100 else a for a in ANY_ARGUMENTS[name]]
        assert Desk(cash_cents=1).code(name, *arguments) == Code.BAD_AMOUNT

    @pytest.mark.parametrize("amount", [1, 1_000_000_000_000])
    def test_both_ends_of_the_range_are_amounts(self, amount: int) -> None:
        assert Desk().do("ADD", amount).accepted

    def test_symbols_are_the_same_in_either_case(self) -> None:
        desk = Desk(cash_cents=1000)
        desk.do("BUY", "aBc", 100, price=10)
        desk.do("COMMIT_BUY")
        assert desk.shares("ABC") == (10, 0)
        assert desk.do("SELL", "abC", 100, price=10).accepted

    @pytest.mark.parametrize("filename", ["", "x" * 256, "a\nb", "\x00"])
    def test_a_file_name_is_1_to_255_printable_characters(self, filename: str) -> None:
        desk = Desk()
        assert desk.code("DUMPLOG", filename) == Code.BAD_FILENAME
        assert desk.code("DUMPLOG", "x" * 255) == Code.OK
        assert desk.code("DUMPLOG", "x") == Code.OK

    def test_an_empty_user_dumps_the_log_of_all(self) -> None:
        assert Desk().do("DUMPLOG", "./testLOG", user="").accepted


class TestAddAndQuote:
    def test_the_first_add_creates_the_account_and_each_one_adds(self) -> None:
        desk = Desk()
        assert not desk.now["exists"]
        assert desk.do("ADD", 250).total_cents == 250
        desk.do("ADD", 50)
        assert desk.now["exists"]
        assert desk.money == (300, 0)

    def test_a_refused_add_creates_no_account(self) -> None:
        desk = Desk()
        desk.do("ADD", -5)
        assert not desk.now["exists"]
        assert desk.code("COMMIT_BUY") == Code.UNKNOWN_USER

    def test_cash_and_reserve_together_never_pass_the_limit(self) -> None:
        desk = Desk(cash_cents=1)
        desk.set_near_the_limit(cash_cents=INT64_MAX - 10)
        desk.do("SET_BUY_AMOUNT", "ABC", 100)
        assert desk.code("ADD", 11) == Code.SUM_TOO_LARGE
        assert desk.code("ADD", 10) == Code.OK

    def test_quote_shows_the_price_or_says_there_is_none(self) -> None:
        desk = Desk()
        shown = desk.do("QUOTE", "ABC", price=123)
        assert (shown.needs_price, shown.price_cents, shown.shares) == (True, 123, 0)
        assert desk.code("QUOTE", "ABC") == Code.QUOTE_UNAVAILABLE

    def test_quote_creates_no_account(self) -> None:
        desk = Desk()
        desk.do("QUOTE", "ABC", price=123)
        assert not desk.now["exists"]

    @pytest.mark.parametrize("price", [0, -1])
    def test_a_price_not_above_zero_is_the_callers_mistake(self, price: int) -> None:
        with pytest.raises(ValueError, match="no price"):
            Desk().do("QUOTE", "ABC", price=price)


class TestOrderOfChecks:
    def test_a_buy_with_too_little_cash_asks_for_no_price(self) -> None:
        desk = Desk(cash_cents=99)
        assert not desk.asks_a_price("BUY", "ABC", 100)
        assert desk.asks_a_price("BUY", "ABC", 99)
        assert desk.code("BUY", "ABC", 100) == Code.INSUFFICIENT_FUNDS
        assert desk.code("BUY", "ABC", 99) == Code.QUOTE_UNAVAILABLE

    def test_a_sell_without_any_share_asks_for_no_price(self) -> None:
        desk = Desk(ABC=1)
        assert not desk.asks_a_price("SELL", "XYZ", 100)
        assert desk.code("SELL", "XYZ", 100) == Code.INSUFFICIENT_HOLDING
        assert desk.asks_a_price("SELL", "ABC", 100)
        assert desk.code("SELL", "ABC", 100) == Code.QUOTE_UNAVAILABLE

    @pytest.mark.parametrize("name", ["BUY", "SELL", "SET_SELL_AMOUNT"])
    def test_less_than_one_share_is_refused_by_the_price(self, name: str) -> None:
        refusal = Desk(cash_cents=100, ABC=1).do(name, "ABC", 99, price=100)
        assert refusal.code == Code.AMOUNT_TOO_SMALL_FOR_A_SHARE
        assert (refusal.needs_price, refusal.price_cents) == (True, 100)

    @pytest.mark.parametrize("name", ["SELL", "SET_SELL_AMOUNT"])
    def test_more_shares_than_held_are_refused_by_the_price(self, name: str) -> None:
        refusal = Desk(ABC=1).do(name, "ABC", 200, price=100)
        assert refusal.code == Code.INSUFFICIENT_HOLDING
        assert (refusal.needs_price, refusal.price_cents) == (True, 100)

    def test_only_four_commands_ever_ask_for_a_price(self) -> None:
        desk = Desk(cash_cents=1000, ABC=100)
        asking = {name for name in ANY_ARGUMENTS if desk.asks_a_price(name, *ANY_ARGUMENTS[name])}
        assert asking == {"QUOTE", "BUY", "SELL", "SET_SELL_AMOUNT"}

    def test_asking_whether_a_price_is_needed_changes_nothing(self) -> None:
        desk = Desk(cash_cents=100)
        desk.do("BUY", "ABC", 100, price=10)
        desk.at_ms += 60_001
        before = desk.now
        assert desk.asks_a_price("BUY", "ABC", 100)
        assert not desk.asks_a_price("CANCEL_BUY")
        assert desk.now == before

    def test_a_refusal_changes_nothing(self) -> None:
        desk = Desk(cash_cents=100, ABC=1)
        before = desk.now
        desk.do("BUY", "ABC", 99, price=100)
        desk.do("SELL", "ABC", 200, price=100)
        desk.do("SET_BUY_AMOUNT", "ABC", 101)
        assert desk.now == before


def test_users_never_touch_each_other() -> None:
    oracle = Oracle()
    oracle.expect(Add("u", 1, 1000), at_ms=START_MS, price_cents=None)
    oracle.expect(Add("v", 2, 500), at_ms=START_MS, price_cents=None)
    before = oracle.snapshot("v")
    oracle.expect(Buy("u", 3, "ABC", 1000), at_ms=START_MS, price_cents=10)
    assert oracle.snapshot("v") == before
    assert oracle.snapshot("u")["reserve_cents"] == 1000
