"""An account worked out from its journal is the account that the journal came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.account import Account
from ledger.entry import Cause, Entry
from ledger.redeciding import Contradiction, Redecider, differences
from protocol.errors import Code
from protocol.fields import account_name
from tests.audit.journal import Journal, journal, steps


def redecided(entries: list[Entry], user: str) -> Account:
    """The account of a user after these entries."""
    redecider = Redecider(user)
    for entry in entries:
        if entry.user == user:
            redecider.take(entry)
    return redecider.account


@given(st.lists(steps, max_size=60))
def test_whatever_was_decided_is_decided_again(history: list[object]) -> None:
    made = Journal()
    for step in history:
        made.take(step)  # type: ignore[arg-type]
    for user, account in made.accounts.items():
        assert differences(redecided(made.entries, user), account) == []


def test_a_long_history_has_all_that_can_happen_and_comes_out_the_same() -> None:
    made = journal(3, 3_000)
    assert {entry.cause for entry in made.entries} >= {Cause.COMMAND, Cause.FIRING}
    for user in ("ann", "bob", "cid"):
        assert differences(redecided(made.entries, user), made.accounts[user]) == []
        assert account_name(user) == user


@pytest.mark.parametrize(
    "change",
    [
        {"amount_cents": 77},
        {"seq": 99},
        {"postings": ()},
        {"movements": ()},
        {"shares": 77},
        {"quote": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_entry_that_the_rules_would_not_make_is_a_contradiction(
    change: dict[str, object],
) -> None:
    entries = [entry for entry in journal(3, 600).entries if entry.user == "ann"]
    name = next(iter(change))
    accepted = (n for n, entry in enumerate(entries) if entry.code is Code.OK)
    place = next(n for n in accepted if getattr(entries[n], name))
    entries[place] = replace(entries[place], **change)
    with pytest.raises(Contradiction):
        redecided(entries, "ann")


def test_an_entry_left_out_is_a_contradiction() -> None:
    entries = [entry for entry in journal(3, 600).entries if entry.user == "ann"]
    with pytest.raises(Contradiction, match="entry 6 "):
        redecided(entries[:4] + entries[5:], "ann")


def test_what_differs_is_named() -> None:
    account, other = Account("ann"), Account("ann")
    account.cash_cents, account.holdings = 5, {"A": 0}
    assert differences(account, other) == ["cash_cents"]
