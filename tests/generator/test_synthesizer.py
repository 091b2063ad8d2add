"""Synthesized workloads have the form and the mix of the course's files."""

from collections import Counter
from itertools import islice
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.oracle import Oracle
from generator.synthesizer import symbols_for, synthesize
from generator.workload import Line, parse_lines, write_lines
from protocol.fields import is_symbol, is_user
from protocol.messages import (
    Add,
    AmountCommand,
    DumpLog,
    SetBuyAmount,
    SetBuyTrigger,
    SetSellAmount,
    SetSellTrigger,
    SymbolCommand,
)

_MEASURED_PER_10_000 = {
    "BUY": 1315,
    "QUOTE": 1146,
    "COMMIT_BUY": 1037,
    "COMMIT_SELL": 854,
    "ADD": 735,
    "DISPLAY_SUMMARY": 731,
    "SELL": 714,
    "CANCEL_BUY": 519,
    "CANCEL_SET_SELL": 508,
    "SET_SELL_TRIGGER": 490,
    "CANCEL_SELL": 476,
    "SET_BUY_TRIGGER": 457,
    "CANCEL_SET_BUY": 455,
    "SET_SELL_AMOUNT": 296,
    "SET_BUY_AMOUNT": 266,
    "DUMPLOG": 1,
}
"""The course's 10-user file."""


@pytest.fixture(scope="module")
def ten_users() -> list[Line]:
    return list(synthesize(10, 10_000, seed=1))


def test_the_mix_is_that_of_the_real_file(ten_users: list[Line]) -> None:
    """Within a sixth of each command's own count, the frequent ones within 1.5 % of all."""
    counts = Counter(line.command.NAME for line in ten_users)
    for name, measured in _MEASURED_PER_10_000.items():
        assert abs(counts[name] - measured) <= min(150, measured / 6), name


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ("ADD", "BUY", 0.40),
        ("QUOTE", "BUY", 0.31),
        ("BUY", "COMMIT_BUY", 0.50),
        ("SELL", "COMMIT_SELL", 0.50),
        ("SET_BUY_AMOUNT", "SET_BUY_TRIGGER", 0.70),
        ("SET_SELL_AMOUNT", "SET_SELL_TRIGGER", 0.70),
        ("DISPLAY_SUMMARY", "BUY", 0.10),
    ],
)
def test_a_user_goes_on_as_in_the_real_files(
    ten_users: list[Line], before: str, after: str, share: float
) -> None:
    names = [(first.command.NAME, second.command.NAME) for first, second in _pairs(ten_users)]
    followers = [second for first, second in names if first == before]
    deviation = sqrt(share * (1 - share) / len(followers))
    assert followers.count(after) / len(followers) == pytest.approx(share, abs=4 * deviation)


def test_as_many_commands_fail_their_preconditions_as_in_the_real_file(
    ten_users: list[Line],
) -> None:
    """Judged by the oracle at a fixed price of 60.00; the real 10-user file gives 0.39 there."""
    oracle = Oracle()
    accepted = [
        oracle.expect(line.command, at_ms=line.number, price_cents=60_00).accepted
        for line in ten_users
    ]
    assert 0.36 <= accepted.count(False) / len(accepted) <= 0.42


def test_amounts_are_those_of_the_real_files(ten_users: list[Line]) -> None:
    adds = [line.command.amount_cents for line in ten_users if isinstance(line.command, Add)]
    trades = [
        line.command.amount_cents
        for line in ten_users
        if isinstance(line.command, AmountCommand)
        and not isinstance(line.command, SetBuyTrigger | SetSellTrigger)
    ]
    assert 68_000_00 < sum(adds) / len(adds) < 72_000_00
    assert min(adds) < 40_000_00 and max(adds) > 100_000_00
    assert min(trades) >= 1 and 740_00 < max(trades) <= 750_00
    assert 360_00 < sum(trades) / len(trades) < 390_00


def test_a_trigger_price_lies_below_the_amount_set_just_before(ten_users: list[Line]) -> None:
    followed = 0
    for before, after in _pairs(ten_users):
        trigger = isinstance(after.command, SetBuyTrigger | SetSellTrigger)
        if trigger and isinstance(before.command, SetBuyAmount | SetSellAmount):
            followed += 1
            assert after.command.amount_cents <= before.command.amount_cents  # type: ignore[attr-defined]
        elif isinstance(after.command, SetBuyTrigger | SetSellTrigger):
            assert after.command.amount_cents <= 200_00
    assert followed > 100


def test_a_sell_trigger_follows_its_amount_on_the_same_stock(ten_users: list[Line]) -> None:
    symbols = [
        (before.command.symbol, after.command.symbol)
        for before, after in _pairs(ten_users)
        if isinstance(before.command, SetSellAmount) and isinstance(after.command, SetSellTrigger)
    ]
    assert len(symbols) > 100
    assert all(first == second for first, second in symbols)


def _pairs(lines: list[Line]) -> list[tuple[Line, Line]]:
    """Return each user's commands with the one before."""
    last: dict[str, Line] = {}
    pairs = []
    for line in lines:
        if line.command.user in last:
            pairs.append((last[line.command.user], line))
        last[line.command.user] = line
    return pairs


@given(st.integers(1, 30), st.integers(0, 60), st.integers())
def test_the_form_holds_whatever_the_size(users: int, more: int, seed: int) -> None:
    """As many lines as asked for, all users there and each begun with ADD, the DUMPLOG last."""
    commands = users + 1 + more
    lines = list(synthesize(users, commands, seed))
    assert [line.number for line in lines] == list(range(1, commands + 1))
    assert all(line.command.transaction_num == line.number for line in lines)
    assert lines[-1].command == DumpLog("", commands, "./testLOG")
    first: dict[str, str] = {}
    for line in lines[:-1]:
        first.setdefault(line.command.user, line.command.NAME)
    assert len(first) == users
    assert set(first.values()) == {"ADD"}


def test_names_are_formed_as_in_the_real_files(ten_users: list[Line]) -> None:
    users = {line.command.user for line in ten_users[:-1]}
    symbols = {
        c.symbol for c in (line.command for line in ten_users) if isinstance(c, SymbolCommand)
    }
    assert all(is_user(user) and len(user) == 10 and user.isalnum() for user in users)
    assert all(is_symbol(symbol) and len(symbol) == 3 and symbol.isupper() for symbol in symbols)
    assert len(symbols) == 50


def test_the_same_seed_gives_the_same_lines_and_another_seed_others() -> None:
    first, again, other = (list(synthesize(3, 200, seed)) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_what_is_written_is_read_back_without_a_problem(ten_users: list[Line]) -> None:
    raw = [text.encode() for text in write_lines(ten_users)]

    def never(problem: object) -> None:
        raise AssertionError(problem)

    assert list(parse_lines(raw, file="w", strict=True, on_problem=never)) == ten_users


@pytest.mark.parametrize(
    ("users", "symbols"), [(1, 1), (2, 20), (9, 20), (10, 50), (45, 50), (100, 981), (1000, 981)]
)
def test_the_number_of_stocks_goes_by_the_real_files(users: int, symbols: int) -> None:
    assert symbols_for(users) == symbols


def test_the_number_of_stocks_can_be_chosen() -> None:
    commands = [line.command for line in synthesize(5, 2000, 1, symbols=3)]
    assert len({c.symbol for c in commands if isinstance(c, SymbolCommand)}) == 3


def test_a_large_workload_is_made_as_it_is_asked_for() -> None:
    """Nothing is made ahead: the first lines of a thousand million come at once."""
    lines = list(islice(synthesize(1000, 10**9, seed=1), 5))
    assert [line.number for line in lines] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("users", "commands", "symbols"), [(0, 10, 1), (3, 3, 1), (1, 10, 0), (1, 10, 26**3 + 1)]
)
def test_impossible_sizes_are_refused_at_once(users: int, commands: int, symbols: int) -> None:
    with pytest.raises(ValueError, match="users need|three-letter"):
        synthesize(users, commands, 1, symbols=symbols)
