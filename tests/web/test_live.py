"""An open page is told what changes, by whomever, and nothing of others."""

import json

import pytest
from twisted.internet.testing import StringTransport

from tests.web.premises import HOST, Browser, Premises
from web.live import BEAT_S, PAGES_PER_USER_MAX
from web.sessions import MINUTE_MS


class OpenPage:
    """A browser that listens; what it was told so far."""

    def __init__(self, browser: Browser, symbol: str = "") -> None:
        self.premises = browser.premises
        self.transport: StringTransport = self.premises.connection()
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        request = (
            f"GET /events?symbol={symbol} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookies}\r\n\r\n"
        )
        self.transport.protocol.dataReceived(request.encode())  # type: ignore[attr-defined]
        self.premises.turn()
        self.premises.pass_time(1)

    @property
    def text(self) -> str:
        """All that came."""
        return str(self.transport.value().decode())

    def events(self, name: str) -> list[object]:
        """The events of one name, and from now on only newer ones."""
        found = [
            json.loads(block.partition("data: ")[2].partition("\n")[0])
            for block in self.text.split(f"event: {name}\n")[1:]
        ]
        return found

    def seen(self) -> str:
        """The parts of the page that were sent since the last look, as one text."""
        told = json.dumps(self.events("regions"))
        self.transport.clear()
        return told


@pytest.fixture
def ann(premises: Premises) -> Browser:
    return premises.user("ann")


def test_a_page_that_opens_is_shown_how_things_are_now(premises: Premises, ann: Browser) -> None:
    page = OpenPage(ann)
    assert "text/event-stream" in page.text and "no-store" in page.text
    assert "$1,000.00" in page.seen()


def test_what_another_browser_or_program_does_is_seen_at_once(
    premises: Premises, ann: Browser
) -> None:
    page = OpenPage(ann)
    page.seen()
    premises.house.nodes[0].ask("ADD", "ann", 5)
    premises.pass_time(1)
    assert "$1,000.05" in page.seen()
    other = premises.browser()
    other.log_in("ann")
    other.command("BUY", symbol="ABC", amount="20")
    premises.pass_time(1)
    assert "Commit buy" in page.seen()


def test_looking_alone_is_no_news(premises: Premises, ann: Browser) -> None:
    page = OpenPage(ann)
    page.seen()
    ann.get("/")
    premises.pass_time(2)
    assert page.seen() == "[]"
    seq = premises.house.account("ann").seq
    premises.pass_time(3 * BEAT_S)
    assert premises.house.account("ann").seq == seq


def test_an_order_that_lapses_is_told(premises: Premises, ann: Browser) -> None:
    ann.command("BUY", symbol="ABC", amount="20")
    page = OpenPage(ann)
    premises.pass_time(62)
    assert page.events("told") == ["A buy order of 4 shares has lapsed"]
    assert "Nothing waits for a commit." in page.seen()


def test_nothing_of_other_users_is_told(premises: Premises, ann: Browser) -> None:
    bob = premises.user("bob")
    page = OpenPage(bob)
    page.seen()
    ann.command("ADD", amount="77")
    premises.pass_time(2)
    assert page.seen() == "[]"


def test_a_new_price_of_what_is_held_is_seen_without_a_command(
    premises: Premises, ann: Browser
) -> None:
    ann.command("BUY", symbol="ABC", amount="20")
    ann.command("COMMIT_BUY")
    page = OpenPage(ann)
    page.seen()
    premises.pass_time(61)
    premises.house.nodes[0].prices.cents["ABC"] = 750
    premises.user("bob").command("QUOTE", symbol="ABC")
    premises.pass_time(1)
    seen = page.seen()
    assert "$7.50" in seen and "$30.00" in seen and "+$10.00" in seen


def test_the_stream_of_a_session_that_ended_ends(premises: Premises, ann: Browser) -> None:
    page = OpenPage(ann)
    ann.get("/account")
    ann.post("/account/end-all", {})
    premises.pass_time(BEAT_S + 1)
    assert page.events("end") == [""]
    assert page.text.endswith("0\r\n\r\n")


def test_an_open_page_does_not_keep_its_session_alive(premises: Premises, ann: Browser) -> None:
    page = OpenPage(ann)
    premises.pass_time(15 * MINUTE_MS // 1000 + BEAT_S)
    assert page.events("end") == [""]


def test_a_page_that_is_left_is_watched_no_more(premises: Premises, ann: Browser) -> None:
    page = OpenPage(ann, "ABC")
    assert premises.web.watches.pages == 1
    page.transport.protocol.connectionLost()  # type: ignore[attr-defined]
    premises.pass_time(1)
    assert premises.web.watches.pages == 0


def test_one_user_opens_so_many_pages_and_no_more(premises: Premises, ann: Browser) -> None:
    for _ in range(PAGES_PER_USER_MAX):
        OpenPage(ann)
    assert "429" in OpenPage(ann).text
    assert premises.web.watches.pages == PAGES_PER_USER_MAX


def test_an_open_page_goes_on_at_another_node_when_its_own_is_lost() -> None:
    premises = Premises(nodes=2)
    ann = premises.user("ann")
    page = OpenPage(ann)
    page.seen()
    mine = premises.web.nodes.node_of("ann")
    assert mine is not None
    name = mine.server
    premises.endpoints[name].is_down = True
    mine.abort()
    premises.pass_time(2)
    assert "$1,000.00" in page.seen()
    other = next(node for node in premises.house.nodes if node.name != name)
    other.ask("ADD", "ann", 5)
    premises.pass_time(1)
    assert "$1,000.05" in page.seen()


def test_a_reader_that_does_not_read_is_sent_nothing_more_until_it_does(
    premises: Premises, ann: Browser
) -> None:
    page = OpenPage(ann)
    page.seen()
    page.transport.producer.pauseProducing()  # type: ignore[union-attr]
    for _ in range(5):
        ann.command("ADD", amount="1")
        premises.pass_time(1)
    assert page.text == ""
    page.transport.producer.resumeProducing()  # type: ignore[union-attr]
    premises.pass_time(1)
    assert "$1,005.00" in page.seen()
