"""Nothing is answered before it is durable, and what comes meanwhile is written together."""

from zlib import crc32

from protocol.errors import Code
from protocol.messages import Error
from reactor_server.lane import ENTRIES_MAX, ENTRIES_MIN
from reactor_server.loading import PATIENCE_S, RETRY_S
from tests.reactor_server.customer import Customer
from tests.reactor_server.house import House, Node
from tests.reactor_server.unsteady_store import Fate
from tests.service.links import outcome_of

LANES = 2


def users_of_both_lanes() -> tuple[str, str]:
    """A user of each of two lanes."""
    names = [f"user{n}" for n in range(20)]
    lanes = {crc32(name.encode()) % LANES: name for name in names}
    return lanes[0], lanes[1]


def journalled(node: Node) -> list[list[str]]:
    """The users of each batch that the node asked to be written."""
    return [sorted(batch) for batch in node.store.batches]


def sizes(node: Node) -> list[int]:
    """How many entries each of them had."""
    return [sum(map(len, batch.values())) for batch in node.store.batches]


class TestReplies:
    def test_there_is_none_before_the_commit(self, house: House) -> None:
        node = house.node()
        node.store.commits.shut()
        asked = node.ask("ADD", "ann", 100)
        house.pass_time(5)
        assert node.store.commits.kept == 1
        assert asked.answers == []
        node.store.commits.open()
        house.turn()
        assert asked.receipt.seq == 1
        assert asked.receipt.total_cents == 100

    def test_a_refusal_waits_for_its_commit_as_well(self, house: House) -> None:
        node = house.node()
        node.store.commits.shut()
        asked = node.ask("BUY", "ann", "ABC", 100)
        assert asked.answers == []
        node.store.commits.open()
        house.turn()
        assert asked.code == Code.UNKNOWN_USER
        assert [entry.code for entry in house.journal("ann")] == [Code.UNKNOWN_USER]

    def test_they_go_to_whoever_asked_and_carry_the_journals_numbers(self, house: House) -> None:
        node = house.node()
        asked = [node.send("ADD", "ann", 100 + n) for n in range(5)]
        house.turn()
        assert [each.receipt.seq for each in asked] == [1, 2, 3, 4, 5]
        assert [each.receipt.total_cents for each in asked] == [100, 101, 102, 103, 104]
        assert [each.receipt.decided_ms for each in asked] == [
            entry.decided_ms for entry in house.journal("ann")
        ]

    def test_a_command_is_carried_out_though_its_client_is_gone(self, house: House) -> None:
        node = house.node()
        node.customer.is_lost = True
        node.ask("ADD", "ann", 100)
        assert house.account("ann").cash_cents == 100


class TestBatches:
    def test_commands_of_one_turn_share_one(self, house: House) -> None:
        node = house.node()
        node.ask("ADD", "ann", 1)
        node.ask("ADD", "bob", 1)
        node.store.batches.clear()
        for user in ("bob", "ann", "bob"):
            node.send("ADD", user, 1)
        house.turn()
        assert journalled(node) == [["ann", "bob"]]
        assert len(node.store.batches[0]["bob"]) == 2

    def test_one_takes_no_more_than_its_limit_and_the_rest_goes_on_in_order(
        self, house: House
    ) -> None:
        node = house.node()
        node.store.commits.shut()
        node.ask("ADD", "eve", 1)
        users = [f"user{n % 7}" for n in range(2 * ENTRIES_MAX)]
        asked = [node.send("ADD", user, 100 + n) for n, user in enumerate(users)]
        node.store.commits.open()
        house.turn()
        assert sizes(node) == [1, ENTRIES_MIN, ENTRIES_MAX, ENTRIES_MAX - ENTRIES_MIN]
        for user in set(users):
            mine = [each for each, name in zip(asked, users, strict=True) if name == user]
            assert [each.receipt.seq for each in mine] == list(range(1, len(mine) + 1))

    def test_two_of_equal_size_take_turns_when_all_ask_again_as_soon_as_they_are_answered(
        self, house: House
    ) -> None:
        node = house.node()
        users = [f"user{n}" for n in range(100)]
        waiting = {user: node.ask("ADD", user, 1) for user in users}
        node.store.batches.clear()
        node.store.commits.shut()
        waiting |= {user: node.send("ADD", user, 2) for user in users[:6]}
        house.turn()
        for _ in range(10):
            for user in [user for user, asked in waiting.items() if asked.answers]:
                waiting[user] = node.send("ADD", user, 3)
            house.turn()
            node.store.commits.open_once()
            house.turn()
        assert sizes(node)[0] == 6
        assert sizes(node)[-4:] == [50, 50, 50, 50]

    def test_the_next_one_is_on_its_way_when_the_answers_to_this_one_go_out(
        self, house: House
    ) -> None:
        node = house.node()
        node.store.commits.shut()
        node.ask("ADD", "ann", 1)
        node.ask("ADD", "ann", 2)
        on_its_way: list[int] = []
        node.customer.on_answer = lambda: on_its_way.append(len(node.store.batches))
        node.store.commits.open_once()
        house.turn()
        assert on_its_way == [2]

    def test_one_that_is_full_is_taken_back_whole_and_what_waited_follows(
        self, house: House
    ) -> None:
        node = house.node()
        asked = [node.send("ADD", "ann", 1) for _ in range(ENTRIES_MAX + 5)]
        node.store.fates = [Fate.LOST]
        house.pass_time(5)
        assert [each.receipt.seq for each in asked] == list(range(1, ENTRIES_MAX + 6))

    def test_who_waits_for_room_goes_on_when_all_that_filled_the_batch_was_sent_back(
        self, house: House
    ) -> None:
        node = house.node()
        node.ask("ADD", "ann", 1)
        node.ask("ADD", "bob", 1)
        node.store.commits.shut()
        node.store.fates = [Fate.UNSEEN]
        in_flight = node.ask("ADD", "ann", 2)
        for _ in range(ENTRIES_MAX):
            node.send("ADD", "ann", 3)
        waiting = node.send("ADD", "bob", 4)
        node.store.loading.shut()
        node.store.commits.open()
        house.pass_time(PATIENCE_S + 1)
        node.store.is_away = True
        node.store.loading.open()
        house.turn()
        node.store.is_away = False
        house.pass_time(RETRY_S * 2)
        assert in_flight.receipt.seq == 2
        assert waiting.receipt.seq == 2

    def test_one_is_in_flight_and_what_comes_meanwhile_is_the_next(self, house: House) -> None:
        node = house.node()
        node.store.commits.shut()
        first = node.ask("ADD", "ann", 1)
        later = [node.ask("ADD", user, 1) for user in ("bob", "ann", "carl", "bob")]
        house.pass_time(1)
        assert journalled(node) == [["ann"]]
        node.store.commits.open_once()
        house.turn()
        assert first.receipt.seq == 1
        assert [each.answers for each in later] == [[], [], [], []]
        assert journalled(node) == [["ann"], ["ann", "bob", "carl"]]
        node.store.commits.open()
        house.turn()
        assert [each.receipt.seq for each in later] == [1, 2, 1, 2]
        assert len(node.store.batches) == 2

    def test_only_one_is_in_flight_though_an_answer_brings_the_next_command_at_once(
        self, house: House
    ) -> None:
        node = house.node()
        for user in ("ann", "bob", "carl"):
            node.ask("ADD", user, 1)
        node.store.batches.clear()
        node.store.commits.shut()
        eager = Customer()
        node.ask("ADD", "ann", 1, by=eager)

        def go_on() -> None:
            node.send("ADD", "bob", 1)

        eager.on_answer = go_on
        node.store.commits.open_once()
        node.send("ADD", "carl", 1)
        house.turn()
        assert journalled(node) == [["ann"], ["bob"]]

    def test_each_lane_has_its_own(self, house: House) -> None:
        node = house.node(lanes=LANES)
        one, other = users_of_both_lanes()
        node.store.commits.shut()
        asked = node.send("ADD", one, 1), node.send("ADD", other, 1)
        house.turn()
        assert sorted(journalled(node)) == sorted([[one], [other]])
        node.store.commits.open_once()
        house.turn()
        assert sorted(len(each.answers) for each in asked) == [0, 1]
        node.ask("ADD", one, 1)
        node.ask("ADD", other, 1)
        node.store.commits.open()
        house.turn()
        assert {
            stream: len(entries) for stream, entries in house.ledger.stream_entries.items()
        } == {
            "node-1/0": 2,
            "node-1/1": 2,
        }

    def test_a_price_that_is_waited_for_holds_no_batch_up(self, house: House) -> None:
        node = house.node()
        node.ask("ADD", "ann", 10_000)
        waiting = node.ask("BUY", "ann", "XYZ", 500)
        assert node.ask("ADD", "bob", 1).receipt.seq == 1
        assert waiting.answers == []


class TestShipping:
    def test_what_is_written_goes_on_to_the_audit_log_and_nothing_before(
        self, house: House
    ) -> None:
        node = house.node()
        node.store.commits.shut()
        for user in ("bob", "ann"):
            node.ask("ADD", user, 1)
        shipped = node.shipped["node-1/0"]
        assert shipped.is_started
        assert shipped.entries == []
        node.store.commits.open()
        house.turn()
        assert shipped.entries == house.ledger.stream_entries["node-1/0"]
        assert len(shipped.entries) == 2

    def test_a_node_that_starts_again_goes_on_with_the_next_number(self, house: House) -> None:
        house.node().ask("ADD", "ann", 1)
        house.nodes.clear()
        again = house.node()
        assert again.name == "node-1"
        again.ask("ADD", "ann", 1)
        assert again.shipped["node-1/0"].entries == [
            None,
            house.ledger.stream_entries["node-1/0"][1],
        ]


def test_a_request_that_is_no_command_is_answered_so(house: House) -> None:
    node = house.node()
    node.assembly.service.request_received(node.customer, b"r".ljust(16), Error(1, "odd"))
    ((answered_id, error),) = node.customer.answers
    assert isinstance(error, Error)
    assert (answered_id, error.code) == (b"r".ljust(16), Code.UNKNOWN_KIND)


class TestLanesThatAreNoMore:
    def test_what_they_have_left_is_shipped_by_the_node_that_had_them(self, house: House) -> None:
        first = house.node(lanes=2)
        for user in users_of_both_lanes():
            first.ask("ADD", user, 100)
        again = Node(house, first.name, lanes=1)
        assert outcome_of(again.assembly.start()) == [None]
        assert again.shipped.keys() == {f"{first.name}/0", f"{first.name}/1"}
        assert again.shipped[f"{first.name}/1"].entries == [None]
        assert again.shipped[f"{first.name}/1"].is_started
