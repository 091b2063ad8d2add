"""The lines of a chaos run hold what a fault can spoil, and are the same for the same seed."""

from itertools import chain

from daytrade.chaos.workload import chaos_lines, contention_lines
from protocol.messages import Add, Buy, CommitBuy, DumpLog, SetBuyAmount, SetBuyTrigger


def test_lines_are_numbered_as_they_are_sent_and_as_many_as_were_asked_for() -> None:
    lines = chaos_lines(users=10, commands=2_000, seed=3)
    assert [line.number for line in lines] == list(range(1, 2_001))
    assert all(line.command.transaction_num == line.number for line in lines)
    assert not any(isinstance(line.command, DumpLog) for line in lines)
    assert lines == chaos_lines(users=10, commands=2_000, seed=3)


def test_every_user_sets_triggers_that_any_price_meets() -> None:
    commands = [line.command for line in chaos_lines(users=10, commands=4_000, seed=3)]
    armed = [
        after
        for before, after in zip(commands, commands[1:], strict=False)
        if isinstance(before, SetBuyAmount)
        and isinstance(after, SetBuyTrigger)
        and (before.user, before.symbol) == (after.user, after.symbol)
        and after.amount_cents >= 10_000_00
    ]
    assert len(armed) > 40
    assert {command.user for command in armed} == {command.user for command in commands}


def test_clients_share_one_account_and_each_begins_with_money() -> None:
    shares = contention_lines(clients=7, commands=1_000, seed=3)
    lines = list(chain(*shares))
    assert len({line.command.user for line in lines}) == 1
    assert sorted(line.number for line in lines) == list(range(1, 1_001))
    assert all(isinstance(share[0].command, Add) for share in shares)
    kinds = {type(line.command) for line in lines}
    assert {Buy, CommitBuy, Add} < kinds
