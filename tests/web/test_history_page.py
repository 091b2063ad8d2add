"""The history in pages, and as little of it as is wanted."""

import pytest

from protocol.messages import HistoryLine
from tests.web.premises import Browser, Premises
from web.trade_views import KINDS, is_of_kind


@pytest.fixture
def ann(premises: Premises) -> Browser:
    ann = premises.user("ann")
    node = premises.house.nodes[0]
    for number in range(1, 41):
        node.ask("ADD", "ann", number)
    node.ask("BUY", "ann", "ABC", 1000)
    node.ask("COMMIT_BUY", "ann")
    node.ask("BUY", "ann", "ABC", 10**9)
    return ann


def rows(text: str) -> int:
    return text.count("<tr") - 1


def test_all_of_it_can_be_paged_through_and_nothing_comes_twice(ann: Browser) -> None:
    path, amounts = "/history?kind=money", []
    while path:
        page = ann.get(path).text
        amounts += [part.partition("<")[0] for part in page.split('data-label="Amount">$')[1:]]
        path = page.partition('<a class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert amounts == [f"0.{number:02}" for number in range(40, 0, -1)] + ["1,000.00"]


def test_looking_is_no_history(ann: Browser) -> None:
    for _ in range(5):
        ann.get("/")
    assert "DISPLAY_SUMMARY" not in ann.get("/history").text


@pytest.mark.parametrize(
    ("query", "count"),
    [("kind=trades", 3), ("kind=refused", 1), ("symbol=abc", 2), ("symbol=XYZ", 0)],
)
def test_only_what_is_wanted_is_shown(ann: Browser, query: str, count: int) -> None:
    page = ann.get(f"/history?{query}").text
    assert (rows(page) if "<table" in page else 0) == count


@pytest.mark.parametrize("query", ["before=-1", "before=x", "before=" + "9" * 30, "kind=none"])
def test_a_query_that_makes_no_sense_shows_the_newest(ann: Browser, query: str) -> None:
    assert rows(ann.get(f"/history?{query}").text) == 25


def test_each_command_is_of_one_kind_besides_everything() -> None:
    expected = {
        "ADD": "money",
        "QUOTE": "quotes",
        "BUY": "trades",
        "COMMIT_SELL": "trades",
        "CANCEL_BUY (lapsed)": "trades",
        "SET_BUY_AMOUNT": "triggers",
        "SET_SELL_TRIGGER (fired)": "triggers",
        "CANCEL_SET_SELL": "triggers",
    }
    for name, kind in expected.items():
        line = HistoryLine(1, 1, 1, name, 0, "", 0, 0, 0, 0)
        assert [k for k in KINDS if k and is_of_kind(line, k)] == [kind], name
