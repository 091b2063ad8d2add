"""Clients that watch prices at a node: each new price once, in order, and never a hit."""

import pytest

from protocol.authentication import AccessRole
from protocol.errors import Code
from protocol.messages import Error, Price, Watching, WatchPrice
from protocol.quote import Quote
from quote_proxy.source import HeldQuote
from tests.reactor_server.customer import Customer
from tests.reactor_server.house import House, Node


class Viewer(Customer):
    """A client that shows prices."""

    def __init__(self, node: Node) -> None:
        super().__init__("ann", AccessRole.USER)
        self.node = node

    def watch(
        self, symbol: str = "ABC", wanted: bool = True, passive: bool = True, user: str = "ann"
    ) -> bytes:
        """Ask, and return the request's id."""
        request_id = (len(self.answers) + 1).to_bytes(16, "big")
        request = WatchPrice(user, symbol, 1, wanted, passive)
        self.node.assembly.service.request_received(self, request_id, request)
        return request_id

    def congest(self, is_congested: bool) -> None:
        """Read no more, or read again."""
        self.is_congested = is_congested
        self.node.assembly.service.congestion_changed(self)

    @property
    def prices(self) -> list[int]:
        """What was told, in order."""
        return [each.price_cents for _, each in self.pushed if isinstance(each, Price)]

    @property
    def refusal(self) -> int:
        """How the newest request was refused."""
        _, error = self.answers[-1]
        assert isinstance(error, Error)
        return error.code


@pytest.fixture
def node(house: House) -> Node:
    return house.node()


@pytest.fixture
def viewer(node: Node) -> Viewer:
    return Viewer(node)


def push(node: Node, price_cents: int, age_ms: int = 0, symbol: str = "ABC") -> None:
    """Let the proxy push a price that somebody else has paid for."""
    now_ms = node.house.now_ms()
    quote = Quote(symbol, price_cents, now_ms - age_ms, f"pushed{price_cents}=", "somebody")
    node.assembly.quotes.offer(HeldQuote(quote, 60_000 - age_ms))


def test_a_price_that_the_node_asked_for_is_told_without_its_hit(
    house: House, node: Node, viewer: Viewer
) -> None:
    watch_id = viewer.watch()
    assert viewer.answers == [(watch_id, Watching("ABC", True))]
    assert node.prices.asked == []
    node.ask("QUOTE", "bob", "ABC")
    assert viewer.pushed == [(watch_id, Price("ABC", 500, house.now_ms(), "", "", 60_000))]


def test_the_proxy_is_watched_passively_while_somebody_watches(node: Node) -> None:
    one, other = Viewer(node), Viewer(node)
    one.watch()
    other.watch()
    assert list(node.feed.watched) == list(node.feed.passive) == ["ABC"]
    one.watch(wanted=False)
    assert list(node.feed.watched) == ["ABC"]
    node.assembly.service.link_lost(other)
    assert node.feed.changes == ["ABC", "-ABC"]


def test_each_price_is_told_once_and_none_after_a_newer_one(
    house: House, node: Node, viewer: Viewer
) -> None:
    viewer.watch()
    node.ask("QUOTE", "bob", "ABC")
    push(node, 500)
    house.pass_time(30.0)
    push(node, 501)
    push(node, 499, age_ms=10_000)
    push(node, 700, symbol="XYZ")
    assert viewer.prices == [500, 501]
    assert node.prices.asked == [("ABC", "bob")]


def test_a_price_that_is_held_is_told_at_once_and_one_that_lapsed_is_not(
    house: House, node: Node, viewer: Viewer
) -> None:
    push(node, 500)
    viewer.watch()
    assert viewer.prices == [500]
    house.pass_time(61.0)
    late = Viewer(node)
    late.watch()
    assert late.prices == []
    assert late.answers[-1][1] == Watching("ABC", True)


def test_a_pushed_price_decides_a_trade_as_if_it_had_been_asked_for(
    node: Node, viewer: Viewer
) -> None:
    viewer.watch()
    push(node, 123)
    assert node.ask("QUOTE", "bob", "ABC").receipt.price_cents == 123
    assert node.prices.asked == []


def test_who_does_not_read_is_told_the_newest_price_when_it_reads_again(
    house: House, node: Node, viewer: Viewer
) -> None:
    viewer.watch()
    viewer.congest(True)
    for price_cents in range(100, 110):
        house.pass_time(1.0)
        push(node, price_cents)
    assert viewer.prices == []
    viewer.congest(False)
    viewer.congest(True)
    viewer.congest(False)
    assert viewer.prices == [109]


def test_who_watches_no_more_is_told_no_more(node: Node, viewer: Viewer) -> None:
    viewer.watch()
    viewer.watch(wanted=False)
    push(node, 500)
    assert viewer.prices == []
    assert viewer.answers[-1][1] == Watching("ABC", False)


def test_a_watch_that_would_cost_hits_is_refused(node: Node, viewer: Viewer) -> None:
    viewer.watch(passive=False)
    assert viewer.refusal == Code.NOT_PERMITTED
    viewer.watch(user="bob")
    assert viewer.refusal == Code.NOT_PERMITTED
    viewer.watch("A1")
    assert viewer.refusal == Code.BAD_SYMBOL
    assert node.feed.changes == []


def test_a_symbol_in_lower_case_is_the_same_stock(node: Node, viewer: Viewer) -> None:
    viewer.watch("abc")
    push(node, 500)
    assert viewer.prices == [500]
