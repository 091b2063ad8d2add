"""What holds in the oracle whatever is commanded: nothing below zero, nothing made or lost."""

from hypothesis import given, settings
from hypothesis import strategies as st

from generator.oracle_account import Snapshot
from tests.generator.desk import Desk

SYMBOLS = ("A", "B")
NAMES_AND_PARTS = (
    ("ADD", "amount"),
    ("QUOTE", "symbol"),
    ("BUY", "symbol amount"),
    ("COMMIT_BUY", ""),
    ("CANCEL_BUY", ""),
    ("SELL", "symbol amount"),
    ("COMMIT_SELL", ""),
    ("CANCEL_SELL", ""),
    ("SET_BUY_AMOUNT", "symbol amount"),
    ("SET_BUY_TRIGGER", "symbol amount"),
    ("CANCEL_SET_BUY", "symbol"),
    ("SET_SELL_AMOUNT", "symbol amount"),
    ("SET_SELL_TRIGGER", "symbol amount"),
    ("CANCEL_SET_SELL", "symbol"),
    ("DISPLAY_SUMMARY", ""),
)
MOVES_WEALTH = {"ADD", "COMMIT_BUY", "COMMIT_SELL"}

amounts = st.integers(-1, 300)
prices = st.none() | st.integers(1, 60)


@st.composite
def steps(draw: st.DrawFn) -> tuple[str, list[str | int], int | None, int]:
    """One command with a price or none and the time that passes before it."""
    name, parts = draw(st.sampled_from(NAMES_AND_PARTS))
    drawn: dict[str, str | int] = {
        "symbol": draw(st.sampled_from(SYMBOLS)),
        "amount": draw(amounts),
    }
    passed_ms = draw(st.sampled_from([0, 1, 20_000, 40_000, 60_001]))
    return name, [drawn[part] for part in parts.split()], draw(prices), passed_ms


def _wealth(now: Snapshot) -> tuple[int, dict[str, int]]:
    shares = {
        symbol: now["holdings"].get(symbol, 0) + now["reserved_shares"].get(symbol, 0)
        for symbol in SYMBOLS
    }
    return now["cash_cents"] + now["reserve_cents"], shares


def _never_below_zero(now: Snapshot) -> bool:
    counts = [now["cash_cents"], now["reserve_cents"]]
    counts += [*now["holdings"].values(), *now["reserved_shares"].values()]
    return all(count >= 0 for count in counts)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps(), max_size=40))
def test_money_and_shares_are_conserved_and_a_refusal_changes_nothing_but_lapses(
    commands: list[tuple[str, list[str | int], int | None, int]],
) -> None:
    desk = Desk(cash_cents=500, A=40)
    for name, arguments, price, passed_ms in commands:
        desk.at_ms += passed_ms
        asked = desk.asks_a_price(name, *arguments)
        desk.oracle.lapse("u", desk.at_ms)
        before = desk.now
        expected = desk.do(name, *arguments, price=price)
        assert expected.lapses == []
        assert expected.needs_price is asked
        assert _never_below_zero(desk.now)
        if not expected.accepted:
            assert desk.now == before
        elif name not in MOVES_WEALTH:
            assert _wealth(desk.now) == _wealth(before)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps(), max_size=30), prices.filter(bool), st.sampled_from(SYMBOLS))
def test_a_firing_trades_shares_for_exactly_their_price(
    commands: list[tuple[str, list[str | int], int | None, int]], price: int, symbol: str
) -> None:
    desk = Desk(cash_cents=500, A=40)
    for name, arguments, command_price, passed_ms in commands:
        desk.at_ms += passed_ms
        desk.do(name, *arguments, price=command_price)
    for side, sign in (("buy", 1), ("sell", -1)):
        before_cents, before_shares = _wealth(desk.now)
        fired = desk.fire("buy" if side == "buy" else "sell", symbol, price)
        after_cents, after_shares = _wealth(desk.now)
        shares = fired.shares if fired is not None else 0
        assert after_shares[symbol] - before_shares[symbol] == sign * shares
        assert before_cents - after_cents == sign * shares * price
        assert _never_below_zero(desk.now)
