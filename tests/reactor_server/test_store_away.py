"""The store is away: commands wait for a while, then are told to come again, and can."""

import gc

import pytest

from ledger.store import StoreUnavailable
from protocol.errors import Code
from protocol.messages import Error
from reactor_server.assembly import STORE_S_MAX
from reactor_server.lane import REOPEN_S
from reactor_server.loading import PATIENCE_S, RETRY_S
from tests.reactor_server.house import House, Node
from tests.reactor_server.unsteady_store import Fate
from tests.service.links import outcome_of


@pytest.fixture
def node(house: House) -> Node:
    """A node that has no account in use; ann has 1.00."""
    house.node().ask("ADD", "ann", 100)
    return house.node()


class TestReadingAccounts:
    def test_a_command_waits_for_the_store_to_come_back(self, house: House, node: Node) -> None:
        node.store.is_away = True
        asked = node.ask("ADD", "ann", 1)
        house.pass_time(PATIENCE_S / 2)
        assert asked.answers == []
        node.store.is_away = False
        house.pass_time(2 * RETRY_S)
        assert asked.receipt.seq == 2

    def test_after_a_while_it_is_told_to_come_again(self, house: House, node: Node) -> None:
        node.store.is_away = True
        asked = node.ask("ADD", "ann", 1)
        house.pass_time(PATIENCE_S + 2 * RETRY_S)
        assert isinstance(asked.answer, Error)
        assert asked.code == Code.STORE_UNAVAILABLE

    def test_a_younger_one_of_the_same_user_is_sent_away_with_it_and_others_go_on_waiting(
        self, house: House, node: Node
    ) -> None:
        """Else the younger one would be carried out before the older one comes again."""
        node.store.is_away = True
        old = node.ask("ADD", "ann", 1)
        house.pass_time(PATIENCE_S / 2)
        young, other = node.ask("ADD", "ann", 2), node.ask("ADD", "bob", 3)
        house.pass_time(PATIENCE_S / 2 + 2 * RETRY_S)
        assert (old.code, young.code) == (Code.STORE_UNAVAILABLE, Code.STORE_UNAVAILABLE)
        assert other.answers == []
        node.store.is_away = False
        house.pass_time(2 * RETRY_S)
        assert other.receipt.seq == 1

    def test_its_id_is_free_and_everything_works_when_the_store_is_back(
        self, house: House, node: Node
    ) -> None:
        node.store.is_away = True
        asked = node.ask("ADD", "ann", 1)
        house.pass_time(PATIENCE_S + 2 * RETRY_S)
        assert asked.code == Code.STORE_UNAVAILABLE
        node.store.is_away = False
        node.customer.answers.clear()
        again = node.ask_again(asked)
        house.pass_time(2 * RETRY_S)
        assert again.receipt.seq == 2
        assert house.account("ann").cash_cents == 101

    def test_everybody_who_waits_is_read_in_one_call(self, house: House, node: Node) -> None:
        users = [f"user{n}" for n in range(100)]
        asked = [node.send("ADD", user, 1) for user in users]
        house.turn()
        assert node.store.loads == [users]
        assert node.store.calls["entries_by_id"] == 1
        assert {each.receipt.seq for each in asked} == {1}

    def test_who_comes_during_a_call_is_read_in_the_next(self, house: House, node: Node) -> None:
        node.store.loading.shut()
        asked = [node.ask("ADD", user, 1) for user in ("bob", "carl", "dora", "bob")]
        assert node.store.loads == [["bob"]]
        node.store.loading.open()
        house.turn()
        assert node.store.loads == [["bob"], ["carl", "dora"]]
        assert [each.receipt.seq for each in asked] == [1, 1, 1, 2]

    def test_trouble_of_our_own_is_logged_and_told_as_little_as_the_store(
        self, house: House, node: Node, failures: list[str]
    ) -> None:
        async def broken() -> None:
            raise RuntimeError("secret")

        node.store.latency = broken
        asked = node.ask("ADD", "ann", 1)
        house.pass_time(PATIENCE_S + 2 * RETRY_S)
        assert asked.code == Code.STORE_UNAVAILABLE
        assert "secret" not in str(asked.answer)
        assert failures
        assert set(failures) == {"secret"}
        failures.clear()


class TestStarting:
    def test_a_node_waits_for_a_store_that_is_away_and_then_starts(self, house: House) -> None:
        node = Node(house, "late", 2)
        node.store.is_away = True
        started = outcome_of(node.assembly.start())
        house.pass_time(STORE_S_MAX / 2)
        assert started == []
        node.store.is_away = False
        house.pass_time(2 * REOPEN_S)
        assert started == [None]
        assert node.ask("ADD", "ann", 1).receipt.seq == 1

    def test_a_store_that_stays_away_is_given_up(self, house: House) -> None:
        node = Node(house, "late", 2)
        node.store.is_away = True
        started = outcome_of(node.assembly.start())
        house.pass_time(STORE_S_MAX + 2 * REOPEN_S)
        assert [type(error) for error in started] == [StoreUnavailable]


class TestFindingOut:
    @pytest.mark.parametrize(
        ("name", "arguments"), [("DISPLAY_SUMMARY", ()), ("DUMPLOG", ("log.xml",))]
    )
    def test_what_needs_to_read_more_waits_and_what_comes_after_it_waits_too(
        self, house: House, node: Node, name: str, arguments: tuple[str]
    ) -> None:
        node.ask("QUOTE", "ann", "ABC")
        node.store.is_away = True
        asked = node.ask(name, "ann", *arguments)
        last = node.ask("ADD", "ann", 1)
        house.pass_time(PATIENCE_S / 2)
        assert (asked.answers, last.answers) == ([], [])
        node.store.is_away = False
        house.pass_time(5)
        assert last.receipt.seq == 4

    @pytest.mark.parametrize(
        ("name", "arguments"), [("DISPLAY_SUMMARY", ()), ("DUMPLOG", ("log.xml",))]
    )
    def test_after_a_while_all_of_them_are_told_to_come_again(
        self, house: House, node: Node, name: str, arguments: tuple[str]
    ) -> None:
        """However many stand in line; were the last one carried out, it would overtake them."""
        first = node.ask("QUOTE", "ann", "XYZ")
        asked = [node.send(name, "ann", *arguments) for _ in range(2_000)]
        last = node.send("ADD", "ann", 1)
        node.store.is_away = True
        node.prices.answer("XYZ", 100)
        house.pass_time(PATIENCE_S + 2 * RETRY_S)
        gc.collect()
        assert {each.code for each in [*asked, last]} == {Code.STORE_UNAVAILABLE}
        node.store.is_away = False
        house.pass_time(5)
        assert first.receipt.seq == 2


class TestWriting:
    def test_a_command_waits_as_long_as_the_store_is_away(self, house: House, node: Node) -> None:
        """Whether it was written cannot be told, so it must not be sent again as a new one."""
        node.ask("QUOTE", "ann", "ABC")
        node.store.is_away = True
        asked = node.ask("ADD", "ann", 1)
        house.pass_time(60)
        assert asked.answers == []
        node.store.is_away = False
        house.pass_time(5)
        assert asked.receipt.seq == 3
        assert house.account("ann").cash_cents == 101

    @pytest.mark.parametrize("fate", [Fate.LOST, Fate.UNSEEN])
    def test_a_command_that_may_have_been_written_is_not_told_that_it_was_not(
        self, house: House, node: Node, fate: Fate
    ) -> None:
        """However long the journal cannot be asked."""
        node.ask("QUOTE", "ann", "ABC")
        node.store.fates = [fate]
        node.store.loading.shut()
        asked = node.ask("ADD", "ann", 1)
        house.pass_time(1)
        node.store.is_away = True
        node.store.loading.open()
        fresh = node.ask("ADD", "ann", 2)
        house.pass_time(PATIENCE_S + 5)
        assert asked.answers == []
        assert fresh.code == Code.STORE_UNAVAILABLE
        node.store.is_away = False
        house.pass_time(5)
        assert asked.receipt.seq == 3
        assert house.count(asked) == 1

    def test_once_the_journal_has_said_no_it_may_be_told_to_come_again(
        self, house: House, node: Node
    ) -> None:
        node.ask("QUOTE", "ann", "ABC")
        node.store.fates = [Fate.LOST]
        asked = node.ask("ADD", "ann", 1)
        node.store.commits.shut()
        house.pass_time(1)
        house.node().ask("ADD", "ann", 1_000)
        node.store.loading.shut()
        node.store.commits.open()
        house.turn()
        node.store.is_away = True
        node.store.loading.open()
        house.pass_time(PATIENCE_S + 5)
        assert asked.code == Code.STORE_UNAVAILABLE
        assert house.count(asked) == 0
