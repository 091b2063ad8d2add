"""A node counts its commands by name and outcome, and times one of each batch."""

from reactor_server.figures import node_figures
from service.figures import plain
from tests.reactor_server.house import House, Node

ORDER_S = 60.0


def counted(node: Node) -> dict[str, float]:
    """The node's commands so far, by name and outcome."""
    figures = node_figures([lane.figures for lane in node.assembly.desk.lanes])
    told = plain(figures)["daytrade_commands"]
    return {outcome: count for outcome, count in told.items() if count}


def test_commands_are_counted_by_name_and_outcome(house: House) -> None:
    node = house.node(lanes=2)
    for user in ("ann", "bob"):
        node.ask("ADD", user, 1_000_00)
        node.ask("BUY", user, "ABC", 100_00)
    node.ask("COMMIT_BUY", "ann")
    node.ask("COMMIT_BUY", "ann")
    node.ask("ADD", "cid", -1)
    assert counted(node) == {
        "ADD,accepted": 2,
        "BUY,accepted": 2,
        "COMMIT_BUY,accepted": 1,
        "COMMIT_BUY,no_pending_buy": 1,
        "ADD,bad_amount": 1,
    }


def test_an_order_that_lapses_is_counted_without_a_command(house: House) -> None:
    node = house.node()
    node.ask("ADD", "ann", 1_000_00)
    node.ask("BUY", "ann", "ABC", 100_00)
    house.pass_time(ORDER_S + 2)
    assert len(house.lapses("ann")) == 1
    assert counted(node)["LAPSE,accepted"] == 1


def test_what_another_node_made_us_decide_again_counts_once(house: House) -> None:
    node, other = house.node(), house.node()
    node.ask("ADD", "ann", 1)
    other.ask("ADD", "ann", 1)
    node.ask("ADD", "ann", 1)
    assert counted(node) == {"ADD,accepted": 2}
    assert counted(other) == {"ADD,accepted": 1}


def test_one_command_of_each_batch_is_timed_under_its_name(house: House) -> None:
    node = house.node()
    node.ask("ADD", "ann", 1)
    node.ask("BUY", "ann", "ABC", 1)
    told = plain(node_figures([lane.figures for lane in node.assembly.desk.lanes]))
    assert told["daytrade_command_seconds_count"] == {"ADD": 1, "BUY": 1, "": 2}
