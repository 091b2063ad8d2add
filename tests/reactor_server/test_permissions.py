"""Who may act for whom at a node, and where names go that nobody can have."""

import pytest

from protocol.authentication import AccessRole
from protocol.errors import Code
from protocol.messages import Add, Error, Refused
from tests.reactor_server.customer import Asked, Customer
from tests.reactor_server.house import House, Node


@pytest.fixture
def node(house: House) -> Node:
    return house.node()


@pytest.mark.parametrize("role", [AccessRole.WORKLOAD, AccessRole.ADMINISTRATOR])
def test_a_workload_and_the_administrator_act_for_anybody(node: Node, role: AccessRole) -> None:
    assert node.ask("ADD", "ann", 1, by=Customer("bench", role)).receipt.seq == 1


def test_a_user_acts_for_himself_alone(house: House, node: Node) -> None:
    ann = Customer("ann", AccessRole.USER)
    assert node.ask("ADD", "ann", 1, by=ann).receipt.seq == 1
    for name, arguments in (("ADD", (1,)), ("DISPLAY_SUMMARY", ()), ("DUMPLOG", ("x",))):
        assert node.ask(name, "bob", *arguments, by=ann).code == Code.NOT_PERMITTED
    assert node.ask("ADD", "ANN", 1, by=ann).code == Code.NOT_PERMITTED
    assert list(house.ledger.accounts) == ["ann"]


@pytest.mark.parametrize("role", [AccessRole.NODE, AccessRole.OPERATOR])
def test_nodes_and_operators_do_not_trade(house: House, node: Node, role: AccessRole) -> None:
    refused = node.ask("ADD", "ann", 1, by=Customer("ann", role))
    assert isinstance(refused.answer, Error)
    assert refused.code == Code.NOT_PERMITTED
    assert role.value in refused.answer.message
    assert house.ledger.journal == {}


@pytest.mark.parametrize("role", [role for role in AccessRole if role != "administrator"])
def test_everybodys_log_is_for_the_administrator_alone(
    house: House, node: Node, role: AccessRole
) -> None:
    for name in ("", "ann"):
        asked = node.ask("DUMPLOG", "", "log.xml", by=Customer(name, role))
        assert asked.code == Code.NOT_PERMITTED
    assert house.ledger.journal == {}
    assert house.audit.endpoint.attempts == []


def test_the_administrator_may_have_everybodys_log(house: House, node: Node) -> None:
    node.ask("DUMPLOG", "", "log.xml", by=Customer("root", AccessRole.ADMINISTRATOR))
    assert len(house.audit.service.requests) == 1


class TestNamesThatNobodyCanHave:
    def test_they_are_refused_and_journalled_under_one_account(
        self, house: House, node: Node
    ) -> None:
        names = ["no blanks", "x" * 65, "", "über"]
        asked = [node.ask("ADD", name, 1) for name in names]
        assert {each.code for each in asked} == {Code.BAD_USER}
        assert list(house.ledger.accounts) == [""]
        assert [entry.user for entry in house.journal("")] == names
        assert not house.account("").exists

    def test_a_summary_of_one_is_refused_and_shows_nothing_of_the_others(
        self, house: House, node: Node
    ) -> None:
        node.ask("ADD", "no blanks", 1)
        asked = node.ask("DISPLAY_SUMMARY", "other name")
        assert isinstance(asked.answer, Refused)
        assert asked.code == Code.BAD_USER
        again = house.node().ask_again(asked, by=Customer())
        assert again.answer == asked.answer

    def test_a_retry_under_another_such_name_is_another_command(
        self, house: House, node: Node
    ) -> None:
        asked = node.ask("ADD", "no blanks", 1)
        other = type(asked.command)("other name", asked.command.transaction_num, 1)  # type: ignore[call-arg]
        assert node.ask_again(asked, by=Customer()).answer == asked.answer
        used = node.send_as(asked.command_id, other, Customer())
        house.turn()
        assert used.code == Code.ID_REUSED

    def test_a_log_of_one_is_not_asked_for(self, house: House, node: Node) -> None:
        assert node.ask("DUMPLOG", "no blanks", "log.xml").code == Code.BAD_USER
        assert house.audit.endpoint.attempts == []


def test_an_id_that_only_the_system_gives_is_refused_and_changes_nothing(
    house: House, node: Node
) -> None:
    taken = bytes(8) + b"\xc0" + bytes(7)
    refused = node.ask_again(Asked(Customer(), taken, Add("ann", 1, 100)))
    assert refused.code == Code.RESERVED_ID
    assert house.ledger.journal == {}
