"""What users own by the log is what they own by the ledger's rules."""

import io

from hypothesis import given
from hypothesis import strategies as st

from audit.records import records_of
from audit.replay import Balance, Money, balance_of, replay_entries, replay_records
from audit.xml import read_records, xml_chunks
from ledger.account import Account, PendingOrder, Side, Trigger
from ledger.entry import Action
from tests.audit.journal import Journal, Step, journal, steps


def decided(happened: list[Step]) -> Journal:
    """The journal of these steps."""
    made = Journal()
    for step in happened:
        made.take(step)
    return made


@given(st.lists(steps, max_size=60))
def test_entries_tell_money_and_shares_as_the_rules_left_them(happened: list[Step]) -> None:
    made = decided(happened)
    replayed = replay_entries(made.entries)
    assert {**{user: Balance() for user in made.ledger}, **replayed} == made.ledger


@given(st.lists(steps, max_size=60))
def test_the_xml_alone_tells_the_money(happened: list[Step]) -> None:
    made = decided(happened)
    records = [r for s in made.stored() for r in records_of(s.entry, "node-1", s.bears_hit)]
    text = b"".join(xml_chunks(records))
    replayed = replay_records(read_records(io.BytesIO(text)))
    for user, owned in made.ledger.items():
        assert replayed.get(user, Money()) == owned.money


def test_a_long_journal_touches_everything_that_is_replayed() -> None:
    """Guards the two tests above: their journals must move all kinds of money and shares."""
    made = journal(5, 3_000)
    assert {posting.action for entry in made.entries for posting in entry.postings} == set(Action)
    movements = [movement for entry in made.entries for movement in entry.movements]
    assert {(m.holding > 0) - (m.holding < 0) for m in movements} == {-1, 0, 1}
    assert {(m.reserve > 0) - (m.reserve < 0) for m in movements} == {-1, 0, 1}
    assert replay_entries(made.entries) == made.ledger


def test_the_order_of_entries_does_not_matter() -> None:
    made = journal(6, 500)
    assert replay_entries(reversed(made.entries)) == made.ledger


def test_the_balance_of_an_account_counts_what_orders_and_triggers_hold() -> None:
    account = Account("ann")
    account.cash_cents, account.reserve_cents = 500, 70
    account.holdings = {"ABC": 5, "NONE": 0}
    account.sells = [PendingOrder(b"1", 1, "ABC", 3, 100, 0), PendingOrder(b"2", 2, "X", 1, 100, 0)]
    account.sell_triggers = {
        "ABC": Trigger(Side.SELL, "ABC", 900, price_cents=100, shares=9),
        "IDLE": Trigger(Side.SELL, "IDLE", 900),
    }
    assert balance_of(account) == Balance(Money(500, 70), {"ABC": 5}, {"ABC": 12, "X": 1})
