"""Decisions made again give the ledger's accounts, and nobody is missed who has none."""

from audit.findings import Finding
from daytrade.ledger_check import AccountCheck
from ledger import rules
from ledger.account import Account
from ledger.entry import Entry
from protocol.messages import Add, Command, DumpLog
from tests.audit.journal import START_MS


def findings(entries: list[Entry], accounts: dict[str, Account]) -> list[Finding]:
    """What the accounts have otherwise than these decisions make of them."""
    check = AccountCheck()
    for entry in entries:
        check.take(entry)
    return list(check.findings(accounts))


def decided(account: Account, command: Command) -> Entry:
    """The entry of a command of this account."""
    number = account.seq + 1
    entry = rules.decide(account, command, number.to_bytes(16, "big"), START_MS, None)
    assert entry is not None
    return entry


def test_the_ledgers_own_account_is_found_true_and_a_false_one_named() -> None:
    account = Account("ann")
    entries = [decided(account, Add("ann", 1, 500))]
    assert findings(entries, {"ann": account}) == []
    account.cash_cents += 1
    [finding] = findings(entries, {"ann": account})
    assert (finding.where, "cash_cents" in finding.what) == ("ann", True)


def test_a_log_of_everybodys_is_about_no_account_and_misses_none() -> None:
    """The walk through the ledger's accounts does not come by the empty name."""
    entries = [decided(Account(""), DumpLog("", 1, "./testLOG"))]
    assert findings(entries, {}) == []
