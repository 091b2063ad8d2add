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
    assert page.words("holdings").startswith("Stock Shares Price Value Gain Actions ABC")


def test_every_command_of_the_protocol_is_in_the_list_of_requests(premises: Premises) -> None:
    page = premises.user().get("/")
    for name in COMMANDS:
        assert f'<option value="{name}">' in page.text
