"""The journal entry as answer, as history line, and as proof of what was asked under its id."""

import pytest
from msgspec.structs import replace

from ledger.account import Side
from ledger.entry import (
    Cause,
    decode_entry,
    encode_entry,
    history_line,
    hit_entry,
    is_same_command,
    reply_of,
)
from protocol.errors import Code
from protocol.messages import (
    Add,
    Buy,
    Command,
    CommitBuy,
    DumpLog,
    HistoryLine,
    QuoteRequest,
    Receipt,
    Refused,
    Sell,
    SetBuyAmount,
    SetBuyTrigger,
)
from protocol.quote import Quote
from tests.ledger.desk import START_MS, Desk

COMMANDS: tuple[Command, ...] = (
    Add("ann", 7, 50),
    Buy("ann", 7, "ABC", 50),
    CommitBuy("ann", 7),
    DumpLog("ann", 7, "out.xml"),
    SetBuyAmount("ann", 7, "ABC", 50),
)


def test_an_entry_is_the_same_after_it_was_stored() -> None:
    desk = Desk(cash_cents=100)
    entries = [desk.do("BUY", "ABC", 50, price=7), desk.do("COMMIT_BUY"), desk.do("BUY", "Ä", 1)]
    assert [decode_entry(encode_entry(entry)) for entry in entries] == entries


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.NAME)
def test_a_command_sent_again_is_known_by_all_that_it_says(command: Command) -> None:
    entry = Desk(cash_cents=100).decide(command, 7)
    assert entry is not None
    assert is_same_command(entry, command)
    assert not is_same_command(entry, replace(command, transaction_num=8))
    assert not is_same_command(entry, replace(command, user="bob"))
    for other in COMMANDS:
        assert is_same_command(entry, other) is (other is command)


@pytest.mark.parametrize(
    "other", [Buy("ann", 7, "ABD", 50), Buy("ann", 7, "ABC", 51), Sell("ann", 7, "ABC", 50)]
)
def test_another_body_under_the_same_id_is_another_command(other: Command) -> None:
    entry = Desk(cash_cents=100).decide(Buy("ann", 7, "ABC", 50), 7)
    assert entry is not None
    assert not is_same_command(entry, other)


def test_another_file_name_under_the_same_id_is_another_command() -> None:
    entry = Desk().decide(DumpLog("ann", 7, "out.xml"))
    assert entry is not None
    assert not is_same_command(entry, DumpLog("ann", 7, "other.xml"))


def test_a_firing_is_nobodys_command_although_it_reads_like_the_one_that_armed_it() -> None:
    desk = Desk(cash_cents=100)
    desk.do("SET_BUY_AMOUNT", "ABC", 10)
    arming = SetBuyTrigger("ann", 2, "ABC", 10)
    armed = desk.decide(arming)
    fired = desk.fire(Side.BUY, "ABC", 10)
    assert armed is not None
    assert fired is not None
    assert is_same_command(armed, arming)
    assert not is_same_command(fired, arming)


def test_the_reply_of_an_accepted_command_tells_what_decided_it() -> None:
    desk = Desk(cash_cents=100)
    desk.now_ms += 5
    entry = desk.do("BUY", "ABC", 50, price=Quote("ABC", 7, START_MS, "k", "u"))
    assert reply_of(entry) == Receipt(1, START_MS + 5, 7, START_MS, 7, 49, START_MS + 60_005)
    assert reply_of(desk.do("COMMIT_BUY")) == Receipt(2, START_MS + 5, 7, 0, 7, 49, 0)


def test_the_reply_of_a_refusal_tells_the_price_where_one_decided() -> None:
    desk = Desk(cash_cents=100)
    at_price = reply_of(desk.do("BUY", "ABC", 6, price=7))
    assert isinstance(at_price, Refused)
    assert (at_price.code, at_price.price_cents) == (Code.AMOUNT_TOO_SMALL_FOR_A_SHARE, 7)
    assert (at_price.quoted_ms, at_price.seq, at_price.decided_ms) == (START_MS, 1, START_MS)
    without = reply_of(desk.do("BUY", "ABC", 101))
    assert isinstance(without, Refused)
    assert (without.code, without.price_cents, without.quoted_ms) == (Code.INSUFFICIENT_FUNDS, 0, 0)
    assert without.message == "the cash is 1.00, not 1.01"


def test_the_history_tells_the_clocks_and_the_prices_doing_from_the_users() -> None:
    desk = Desk(cash_cents=100)
    bought = desk.do("BUY", "abc", 50, price=7)
    desk.do("SET_BUY_AMOUNT", "ABC", 10)
    desk.do("SET_BUY_TRIGGER", "ABC", 10)
    fired = desk.fire(Side.BUY, "ABC", 10)
    desk.now_ms += 60_001
    (lapsed,) = desk.lapse()
    assert fired is not None
    assert history_line(bought) == HistoryLine(1, START_MS, 1, "BUY", Code.OK, "abc", 50, 7, 7, 49)
    assert history_line(fired).name == "SET_BUY_TRIGGER (fired)"
    assert history_line(lapsed).name == "CANCEL_BUY (lapsed)"


HIT = Quote("ABC", 7, START_MS, "key=", "ann")


def test_a_hit_is_written_down_for_the_bill_alone_and_is_about_nobodys_account() -> None:
    entry = hit_entry(HIT, 12, START_MS + 5)
    assert (entry.cause, entry.code, entry.user, entry.seq) == (Cause.HIT, Code.OK, "", 0)
    assert (entry.quote, entry.transaction_num, entry.decided_ms) == (HIT, 12, START_MS + 5)
    assert (entry.kind, entry.postings, entry.movements) == (QuoteRequest.KIND, (), ())
    assert decode_entry(encode_entry(entry)) == entry


def test_a_hit_has_one_id_whoever_tells_it() -> None:
    others = [replace(HIT, symbol="ABD"), replace(HIT, quoted_ms=8), replace(HIT, cryptokey="yek=")]
    hit_id = hit_entry(HIT, 1, START_MS).command_id
    assert hit_entry(replace(HIT, asker="bob"), 2, START_MS + 5).command_id == hit_id
    assert len({hit_entry(each, 1, START_MS).command_id for each in (HIT, *others)}) == 4
    assert len(hit_id) == 16
