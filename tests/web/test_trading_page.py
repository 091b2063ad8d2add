"""The trading page: all sixteen commands work on it without a script."""

import pytest

from protocol.messages import COMMANDS
from tests.web.premises import Premises


@pytest.fixture
def premises() -> Premises:
    return Premises()


def test_a_stranger_signs_up_and_sees_the_account_with_its_deposit(premises: Premises) -> None:
    ann = premises.user("ann", "1234.50")
    page = ann.get("/")
    assert page.status == 200
    assert "$1,234.50" in page.words("stats")
    assert "ADD" in page.words("recent")


def test_a_buy_waits_for_its_commit_and_then_is_a_holding(premises: Premises) -> None:
    ann = premises.user()
    page = ann.command("BUY", symbol="abc", amount="100")
    assert "commit within 60 s" in page.words("notice")
    assert "Commit buy" in page.words("orders")
    page = ann.command("COMMIT_BUY")
    assert "Nothing waits for a commit." in page.words("orders")
    assert "COMMIT_BUY ABC 20 $5.00" in page.words("recent")
    assert page.words("holdings").startswith("Stock Shares Price Value Gain Actions ABC")


def test_every_command_of_the_protocol_is_in_the_list_of_requests(premises: Premises) -> None:
    page = premises.user().get("/")
    for name in COMMANDS:
        assert f'<option value="{name}">' in page.text


def test_a_trigger_is_set_by_one_form_and_is_seen(premises: Premises) -> None:
    ann = premises.user()
    ann.get("/")
    form = {"side": "buy", "symbol": "abc", "amount": "50", "price": "4.00", "key": "k"}
    for _ in range(2):
        reply = ann.post("/trigger", form)
        assert reply.status == 303
    page = ann.get(reply["location"])
    assert "Buy ABC for $50.00 once the price is at most $4.00" in page.words("triggers")
    names = [entry.name for entry in premises.house.journal("ann")]
    assert (names.count("SET_BUY_AMOUNT"), names.count("SET_BUY_TRIGGER")) == (1, 1)


def test_a_trigger_whose_price_is_refused_stays_unarmed_and_says_so(premises: Premises) -> None:
    ann = premises.user()
    ann.get("/")
    form = {"side": "buy", "symbol": "abc", "amount": "50", "price": "-4", "key": "k"}
    reply = ann.post("/trigger", form)
    assert reply.status == 422
    assert "not armed" in reply.words("triggers") and "2004" in reply.words("notice")


def test_the_ticket_shows_whole_shares_and_their_total_before_anything_is_ordered(
    premises: Premises,
) -> None:
    ann = premises.user()
    ann.get("/")
    page = ann.post("/ticket", {"side": "buy", "symbol": "ABC", "amount": "12"})
    assert "Price $5.00 Whole shares 2 Total $10.00" in page.words("ticket-preview")
    assert premises.house.account("ann").reserve_cents == 0
    page = ann.post("/ticket", {"side": "sell", "symbol": "ABC", "amount": "4.99"})
    assert (page.status, "2007" in page.words("notice")) == (409, True)


def test_a_form_that_is_sent_again_is_done_once(premises: Premises) -> None:
    ann = premises.user()
    ann.get("/")
    form = {"command": "ADD", "amount": "5.00", "key": ann.page.field("key")}
    replies = [ann.post("/command", form) for _ in range(3)]
    assert len({reply["location"] for reply in replies}) == 1
    assert premises.house.account("ann").cash_cents == 1005_00
    ann.post("/command", {**form, "amount": "6.00"})
    assert premises.house.account("ann").cash_cents == 1011_00


def test_what_is_refused_is_said_with_its_reason_and_code(premises: Premises) -> None:
    page = premises.user().command("BUY", symbol="ABC", amount="99999")
    assert page.status == 409
    assert "the cash is 1000.00, not 99999.00 2005" in page.words("notice")


def test_a_stock_written_small_is_one_and_the_same(premises: Premises) -> None:
    ann = premises.user()
    premises.house.nodes[0].ask("BUY", "ann", "abc", 1000)
    premises.house.nodes[0].ask("COMMIT_BUY", "ann")
    page = ann.get("/")
    assert "ABC 2 $5.00" in page.words("holdings") and "+" not in page.words("holdings")
    assert "$10.00 $0.00" in page.words("holdings")


def test_two_web_clients_share_users_and_sessions(premises: Premises) -> None:
    other = Premises(premises.house, premises.store)
    ann = premises.user()
    ann.premises = other
    assert "$1,000.00" in ann.get("/").words("stats")
    ann.get("/account")
    ann.post("/account/end-all", {})
    ann.premises = premises
    assert ann.get("/").status == 303
