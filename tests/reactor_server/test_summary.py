"""DISPLAY_SUMMARY: the account at a glance, with its history, newest first, page by page."""

import pytest

from protocol.errors import Code
from protocol.messages import HistoryLine, HoldingLine, OrderLine, Summary, TriggerLine
from reactor_server.seat import HISTORY_LINES
from tests.reactor_server.customer import Asked, Customer
from tests.reactor_server.house import START_MS, House, Node


@pytest.fixture
def node(house: House) -> Node:
    return house.node()


def seqs(summary: Summary) -> list[int]:
    """The numbers of the history's lines."""
    return [line.seq for line in summary.history]


def show(node: Node, before_seq: int = 0, user: str = "ann") -> Summary:
    """Ask for a summary."""
    return node.ask("DISPLAY_SUMMARY", user, before_seq).summary


class TestContents:
    def test_everything_that_the_user_has_is_shown(self, house: House, node: Node) -> None:
        node.ask("ADD", "ann", 100_000)
        node.ask("BUY", "ann", "ABC", 5_000)
        node.ask("COMMIT_BUY", "ann")
        sell = node.ask("SELL", "ann", "ABC", 1_000)
        buy = node.ask("BUY", "ann", "ABC", 1_500)
        node.ask("SET_BUY_AMOUNT", "ann", "XYZ", 700)
        node.ask("SET_SELL_AMOUNT", "ann", "ABC", 600)
        node.ask("SET_SELL_TRIGGER", "ann", "ABC", 600)
        summary = show(node)
        assert summary.exists
        assert (summary.cash_cents, summary.reserve_cents) == (92_800, 2_200)
        assert summary.holdings == [HoldingLine("ABC", 7)]
        until_ms = START_MS + 60_000
        assert summary.orders == [
            OrderLine("buy", "ABC", buy.receipt.shares, 500, START_MS, until_ms),
            OrderLine("sell", "ABC", sell.receipt.shares, 500, START_MS, until_ms),
        ]
        assert summary.triggers == [
            TriggerLine("buy", "XYZ", 700, 0, 0),
            TriggerLine("sell", "ABC", 600, 600, 1),
        ]
        assert (summary.seq, summary.decided_ms) == (9, START_MS)

    def test_that_of_an_unknown_user_is_empty(self, node: Node) -> None:
        assert show(node, user="nobody") == Summary(1, START_MS, False, 0, 0, [], [], [], [], 0)

    def test_it_shows_what_was_decided_before_it_in_the_same_batch(
        self, house: House, node: Node
    ) -> None:
        sent = [
            node.send("ADD", "ann", 5),
            node.send("DISPLAY_SUMMARY", "ann"),
            node.send("ADD", "ann", 7),
        ]
        house.turn()
        assert sent[1].summary.cash_cents == 5
        assert seqs(sent[1].summary) == [1]

    def test_it_is_answered_when_what_it_shows_is_durable(self, house: House, node: Node) -> None:
        node.ask("ADD", "ann", 5)
        node.store.commits.shut()
        asked = node.ask("DISPLAY_SUMMARY", "ann")
        assert asked.answers == []
        node.store.commits.open()
        house.turn()
        assert asked.summary.cash_cents == 5

    def test_a_line_tells_command_number_outcome_and_figures(self, node: Node) -> None:
        asked: list[Asked] = [
            node.ask("ADD", "ann", 2_000),
            node.ask("BUY", "ann", "abc", 1_700),
            node.ask("COMMIT_SELL", "ann"),
        ]
        numbers = [each.command.transaction_num for each in asked]
        bought = HistoryLine(2, START_MS, numbers[1], "BUY", 0, "abc", 1_700, 500, 3, 1_500)
        assert show(node).history == [
            HistoryLine(
                3, START_MS, numbers[2], "COMMIT_SELL", Code.NO_PENDING_SELL, "", 0, 0, 0, 0
            ),
            bought,
            HistoryLine(1, START_MS, numbers[0], "ADD", 0, "", 2_000, 0, 0, 2_000),
        ]

    def test_a_lapse_is_told_as_one(self, house: House, node: Node) -> None:
        node.ask("ADD", "ann", 2_000)
        node.ask("BUY", "ann", "ABC", 500)
        house.pass_time(61)
        assert [line.name for line in show(node).history] == ["CANCEL_BUY (lapsed)", "BUY", "ADD"]


class TestHistory:
    @pytest.mark.parametrize("count", [1, HISTORY_LINES - 1, HISTORY_LINES, HISTORY_LINES + 5])
    @pytest.mark.parametrize("elsewhere", [False, True])
    @pytest.mark.parametrize("after_reading", [0, 1, 7])
    def test_the_newest_lines_are_shown_newest_first(
        self, house: House, node: Node, count: int, elsewhere: bool, after_reading: int
    ) -> None:
        """Whether the node saw them itself, read them, or both."""
        for _ in range(count):
            node.ask("ADD", "ann", 1)
        reader = house.node() if elsewhere else node
        for _ in range(after_reading):
            reader.ask("ADD", "ann", 1)
        summary = show(reader)
        newest = count + after_reading
        oldest = max(1, newest - HISTORY_LINES + 1)
        assert seqs(summary) == list(range(newest, oldest - 1, -1))
        assert summary.history_before_seq == (oldest if oldest > 1 else 0)

    def test_paging_back_shows_every_line_once(self, house: House, node: Node) -> None:
        for _ in range(3 * HISTORY_LINES):
            node.ask("ADD", "ann", 1)
        seen: list[int] = []
        summary = show(node)
        while True:
            seen += seqs(summary)
            if not summary.history_before_seq:
                break
            summary = show(node, summary.history_before_seq)
        assert seen == list(range(3 * HISTORY_LINES, 0, -1))

    def test_a_page_does_not_show_what_came_after_it(self, house: House, node: Node) -> None:
        for _ in range(5):
            node.ask("ADD", "ann", 1)
        assert seqs(show(node, 4)) == [3, 2, 1]

    def test_a_node_that_has_seen_enough_does_not_read(self, house: House, node: Node) -> None:
        for _ in range(HISTORY_LINES):
            node.ask("ADD", "ann", 1)
        show(node)
        assert node.store.calls["history"] == 0


class TestSentAgain:
    def test_it_is_answered_afresh_with_its_history(self, house: House, node: Node) -> None:
        node.ask("ADD", "ann", 5)
        asked = node.ask("DISPLAY_SUMMARY", "ann")
        node.ask("ADD", "ann", 7)
        for reader in (house.node(), node):
            again = reader.ask_again(asked, by=Customer())
            assert again.summary.cash_cents == 12
            assert seqs(again.summary) == [3, 2, 1]
        assert house.count(asked) == 1

    def test_a_page_of_it_is_the_same_page(self, house: House, node: Node) -> None:
        for _ in range(5):
            node.ask("ADD", "ann", 1)
        asked = node.ask("DISPLAY_SUMMARY", "ann", 4)
        again = house.node().ask_again(asked, by=Customer())
        assert seqs(again.summary) == seqs(asked.summary) == [3, 2, 1]
