"""Every account is decided again from the log, and what does not come out the same is found."""

from pathlib import Path
from random import Random

import pytest

from audit.database import Addition, Database
from audit.findings import Finding, FindingKind
from audit.records import records_of
from daytrade import log_parts
from daytrade.ledger_check import AccountCheck, check_against_ledger
from ledger.account import Account
from ledger.entry import Cause, Entry
from tests.audit.journal import Journal, Step, journal

ANN = "ann"


def findings(entries: list[Entry], accounts: dict[str, Account]) -> list[Finding]:
    """What is wrong with accounts, by the entries of a log."""
    check = AccountCheck()
    for entry in entries:
        check.take(entry)
    return list(check.findings(accounts))


def two_that_lapse_at_once() -> Journal:
    """A user with two pending orders, which lapse at the same moment, and a command after that."""
    made = Journal()
    for pause_ms, command, amount_cents in (
        (0, "ADD", 20_000),
        (0, "BUY", 5_000),
        (0, "BUY", 5_000),
        (61_000, "ADD", 100),
        (0, "ADD", 100),
    ):
        made.take(Step(pause_ms, ANN, command, "A", amount_cents))
    assert [entry.cause for entry in made.entries].count(Cause.LAPSE) == 2
    return made


def test_two_orders_that_lapse_at_once_are_no_contradiction() -> None:
    made = two_that_lapse_at_once()
    assert findings(made.entries, made.accounts) == []


@pytest.mark.parametrize("seed", range(10))
def test_entries_may_come_somewhat_out_of_order(seed: int) -> None:
    made = journal(seed, 400)
    entries = list(made.entries)
    random = Random(seed)
    for _ in range(100):
        place = random.randrange(len(entries) - 5)
        entries[place : place + 5] = entries[place : place + 5][::-1]
    assert findings(entries, made.accounts) == []


def test_an_entry_that_is_missing_is_found_and_what_follows_is_not_kept() -> None:
    made = journal(3, 400)
    place = next(n for n, entry in enumerate(made.entries) if (entry.user, entry.seq) == (ANN, 7))
    (found,) = findings(made.entries[:place] + made.entries[place + 1 :], made.accounts)
    assert found.where == ANN


def test_an_account_that_nobody_decided_anything_about_is_found() -> None:
    made = journal(3, 50)
    stranger = Account("eve")
    stranger.cash_cents = 5
    (found,) = findings(made.entries, {**made.accounts, "eve": stranger})
    assert (found.where, found.what) == ("eve", "cash_cents")


@pytest.mark.parametrize("entries_of_a_part", [1, 7, 1_000_000])
def test_the_log_is_checked_in_parts_as_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries_of_a_part: int
) -> None:
    monkeypatch.setattr(log_parts, "_PART_ENTRIES", entries_of_a_part)
    made = journal(4, 120)
    database = Database(tmp_path / "audit.sqlite")
    database.add([Addition("node-1/0", 1, made.encoded)])
    database.close()
    positions = {"node-1/0": len(made.entries)}
    found, records = check_against_ledger(tmp_path / "audit.sqlite", positions, made.accounts)
    assert found == []
    assert records == sum(
        len(records_of(each.entry, "node-1", each.bears_hit)) for each in made.stored()
    )
    made.accounts[ANN].cash_cents += 1
    found, _ = check_against_ledger(tmp_path / "audit.sqlite", positions, made.accounts)
    kinds = [finding.kind for finding in found]
    assert kinds.count(FindingKind.WRONG_MONEY) == 2
    assert kinds.count(FindingKind.WRONG_ACCOUNT) == 1
