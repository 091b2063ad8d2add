"""A command sent again under its id is carried out once, and gets the same reply however often."""

import pytest

from protocol.errors import Code
from protocol.messages import COMMANDS, Add, Command, Error
from tests.reactor_server.customer import Customer
from tests.reactor_server.house import House, Node


@pytest.fixture
def node(house: House) -> Node:
    """A node at which ann has 1.00."""
    node = house.node()
    node.ask("ADD", "ann", 100)
    return node


class TestWhilePending:
    def test_it_is_carried_out_once_and_everybody_who_asked_is_answered(
        self, house: House, node: Node
    ) -> None:
        other = Customer()
        node.store.commits.shut()
        asked = node.ask("ADD", "ann", 50)
        node.ask_again(asked)
        elsewhere = node.ask_again(asked, by=other)
        node.store.commits.open()
        house.turn()
        assert asked.answers == [elsewhere.receipt, elsewhere.receipt]
        assert house.count(asked) == 1
        assert house.account("ann").cash_cents == 150

    def test_it_may_be_waiting_for_a_price(self, house: House, node: Node) -> None:
        asked = node.ask("BUY", "ann", "XYZ", 100)
        again = node.ask_again(asked, by=Customer())
        node.prices.answer("XYZ", 40)
        house.turn()
        assert asked.receipt == again.receipt
        assert house.account("ann").reserve_cents == 80

    def test_another_command_under_its_id_is_refused_and_it_is_not(
        self, house: House, node: Node
    ) -> None:
        node.store.commits.shut()
        asked = node.ask("ADD", "ann", 50)
        other = node.send_as(asked.command_id, Add("ann", 77, 51), Customer())
        house.turn()
        assert other.code == Code.ID_REUSED
        node.store.commits.open()
        house.turn()
        assert asked.receipt.total_cents == 50
        assert house.account("ann").cash_cents == 150

    @pytest.mark.parametrize("lanes", [1, 2])
    def test_another_users_command_under_its_id_is_refused_and_it_is_not(
        self, house: House, lanes: int
    ) -> None:
        """Both come in one turn, so that the journal alone can tell them apart."""
        node = house.node(lanes)
        asked = [node.send_as(b"x".ljust(16), Add(user, 1, 5)) for user in ("ann", "bob", "cy")]
        meanwhile = node.send("ADD", "dora", 5)
        house.pass_time(1)
        codes = sorted(0 if not isinstance(m, Error) else m.code for m in asked[0].answers)
        assert codes == [0, Code.ID_REUSED, Code.ID_REUSED]
        assert meanwhile.receipt.seq == 1
        assert house.count(asked[0]) == 1


class TestAfterwards:
    @pytest.mark.parametrize(
        ("name", "arguments"),
        [("ADD", (50,)), ("BUY", ("ABC", 50)), ("COMMIT_BUY", ()), ("QUOTE", ("ABC",))],
    )
    @pytest.mark.parametrize("elsewhere", [False, True])
    def test_the_reply_is_the_same_be_it_a_receipt_or_a_refusal(
        self, house: House, node: Node, name: str, arguments: tuple[str | int], elsewhere: bool
    ) -> None:
        asked = node.ask(name, "ann", *arguments)
        node.ask("ADD", "ann", 1_000)
        again = (house.node() if elsewhere else node).ask_again(asked, by=Customer())
        assert again.answer == asked.answer
        assert house.count(asked) == 1

    def test_it_gets_the_same_reply_at_a_node_that_has_the_account_already(
        self, house: House, node: Node
    ) -> None:
        elsewhere = house.node()
        elsewhere.ask("ADD", "ann", 10)
        asked = node.ask("ADD", "ann", 50)
        assert elsewhere.ask_again(asked).receipt == asked.receipt
        assert house.account("ann").cash_cents == 160

    def test_what_shared_its_batch_is_answered_all_the_same(self, house: House, node: Node) -> None:
        asked = node.ask("ADD", "ann", 50)
        sent = [node.send("ADD", user, 1) for user in ("ann", "bob")]
        again = node.send_again(asked, by=Customer())
        sent.append(node.send("ADD", "ann", 2))
        house.turn()
        assert again.receipt == asked.receipt
        assert [each.receipt.seq for each in sent] == [3, 1, 4]

    @pytest.mark.parametrize(
        "other",
        [
            Add("ann", 2, 51),
            Add("ann", 3, 50),
            Add("bob", 2, 50),
            COMMANDS["CANCEL_BUY"]("ann", 2),
            COMMANDS["DISPLAY_SUMMARY"]("ann", 2),
        ],
    )
    @pytest.mark.parametrize("elsewhere", [False, True])
    def test_another_command_under_its_id_is_refused(
        self, house: House, node: Node, other: Command, elsewhere: bool
    ) -> None:
        asked = node.ask("ADD", "ann", 50)
        assert asked.command == Add("ann", 2, 50)
        used = (house.node() if elsewhere else node).send_as(asked.command_id, other, Customer())
        house.turn()
        assert used.code == Code.ID_REUSED
        assert house.account("ann").cash_cents == 150

    def test_a_quote_keeps_its_first_price(self, house: House, node: Node) -> None:
        asked = node.ask("QUOTE", "ann", "ABC")
        house.pass_time(120)
        node.prices.cents["ABC"] = 9_999
        assert node.ask("QUOTE", "ann", "ABC").receipt.price_cents == 9_999
        assert node.ask_again(asked, by=Customer()).receipt == asked.receipt
        assert len(node.prices.asked) == 2

    def test_a_protocol_error_is_not_journalled_and_the_id_stays_free(
        self, house: House, node: Node
    ) -> None:
        asked = node.ask("ADD", "ann", 50)
        refused = node.send_as(asked.command_id, Add("bob", 1, 1), Customer())
        house.turn()
        assert refused.code == Code.ID_REUSED
        assert house.journal("bob") == []


class TestAtTwoNodesAtOnce:
    def test_it_is_carried_out_once_and_both_give_the_same_reply(
        self, house: House, node: Node
    ) -> None:
        elsewhere = house.node()
        elsewhere.ask("QUOTE", "ann", "ABC")
        node.store.commits.shut()
        asked = node.ask("ADD", "ann", 50)
        again = elsewhere.ask_again(asked, by=Customer())
        assert again.receipt.seq == 3
        node.store.commits.open()
        house.turn()
        assert asked.receipt == again.receipt
        assert house.count(asked) == 1
