"""Clients that watch accounts: each change once and in order, whoever made it, or "look again"."""

import pytest

from ledger.account import Side
from ledger.entry import Entry
from ledger.rules import fire
from protocol.authentication import AccessRole
from protocol.errors import Code
from protocol.messages import AccountChanged, Error, WatchAccount, WatchingAccount
from protocol.quote import Quote
from reactor_server.account_news import LOOK_EVERY_S, WANTED_FOR_S, WATCHES_MAX
from reactor_server.watched_account import CATCH_UP_MAX
from tests.reactor_server.customer import Customer
from tests.reactor_server.house import House, Node
from tests.service.links import outcome_of


class Watcher(Customer):
    """A client that watches accounts."""

    def __init__(self, node: Node, role: AccessRole = AccessRole.WORKLOAD) -> None:
        super().__init__("ann" if role is AccessRole.USER else "bench", role)
        self.node = node
        self.made_ids = 0

    def watch(self, user: str = "ann", wanted: bool = True) -> bytes:
        """Ask, let happen what needs no time to pass, and return the request's id."""
        self.made_ids += 1
        request_id = b"watch".ljust(15) + bytes([self.made_ids])
        self.node.assembly.service.request_received(self, request_id, WatchAccount(user, wanted))
        self.node.house.turn()
        return request_id

    def congest(self, is_congested: bool) -> None:
        """Read no more, or read again."""
        self.is_congested = is_congested
        self.node.assembly.service.congestion_changed(self)

    @property
    def changes(self) -> list[AccountChanged]:
        """What was told, in order."""
        return [message for _, message in self.pushed if isinstance(message, AccountChanged)]

    @property
    def told(self) -> list[tuple[int, str]]:
        """Number and name of each entry told; the name is empty where it says to look again."""
        return [(each.seq, each.line.name if each.line else "") for each in self.changes]


@pytest.fixture
def node(house: House) -> Node:
    return house.node()


@pytest.fixture
def watcher(node: Node) -> Watcher:
    return Watcher(node)


def let_fire(house: House, user: str = "ann", announced: bool = True) -> list[Entry]:
    """Let a trigger service fire the user's buy trigger for ABC."""
    store = house.another_store()
    (stream,) = outcome_of(store.open_stream("triggers/0"))
    quote = Quote("ABC", 500, house.now_ms(), "fired=", user)
    fired: list[Entry] = []

    def decide(account: object) -> list[Entry]:
        entry = fire(account, Side.BUY, "ABC", quote, house.now_ms())  # type: ignore[arg-type]
        assert entry is not None
        fired.append(entry)
        return [entry]

    outcome_of(store.settle(stream, [user], decide))  # type: ignore[arg-type]
    if announced:
        outcome_of(store.announce_changed("triggers/0", {user: fired[0].seq}))
    house.turn()
    return fired


class TestWatching:
    def test_each_command_of_every_session_is_told_with_cash_and_reserve_after_it(
        self, node: Node, watcher: Watcher
    ) -> None:
        node.ask("ADD", "ann", 10_000)
        watch_id = watcher.watch()
        node.ask("BUY", "ann", "ABC", 1_000, by=Customer("other"))
        node.ask("COMMIT_SELL", "ann", by=watcher)
        node.ask("COMMIT_BUY", "ann")
        assert watcher.answers[0] == (watch_id, WatchingAccount("ann", True, 1))
        assert watcher.told == [(2, "BUY"), (3, "COMMIT_SELL"), (4, "COMMIT_BUY")]
        assert [(each.cash_cents, each.reserve_cents) for each in watcher.changes] == [
            (9_000, 1_000),
            (9_000, 1_000),
            (9_000, 0),
        ]
        assert {request_id for request_id, _ in watcher.pushed} == {watch_id}

    def test_nothing_is_told_before_it_is_durable(self, node: Node, watcher: Watcher) -> None:
        watcher.watch()
        node.store.commits.shut()
        node.ask("ADD", "ann", 100)
        assert watcher.told == []
        node.store.commits.open()
        node.house.turn()
        assert watcher.told == [(1, "ADD")]

    def test_a_lapse_is_told(self, house: House, node: Node, watcher: Watcher) -> None:
        node.ask("ADD", "ann", 10_000)
        node.ask("BUY", "ann", "ABC", 1_000)
        watcher.watch()
        house.pass_time(61.0)
        assert watcher.told == [(3, "CANCEL_BUY (lapsed)")]
        assert watcher.changes[0].cash_cents == 10_000

    def test_who_watches_no_more_is_told_no_more(self, node: Node, watcher: Watcher) -> None:
        watcher.watch()
        end_id = watcher.watch(wanted=False)
        node.ask("ADD", "ann", 100)
        assert watcher.answers[-1] == (end_id, WatchingAccount("ann", False))
        assert watcher.told == []

    def test_a_lost_client_is_told_nothing_and_others_go_on(
        self, node: Node, watcher: Watcher
    ) -> None:
        other = Watcher(node)
        for each in (watcher, other):
            each.watch()
        node.assembly.service.link_lost(watcher)
        node.ask("ADD", "ann", 100)
        assert (watcher.told, other.told) == ([], [(1, "ADD")])

    def test_other_accounts_are_not_told(self, node: Node, watcher: Watcher) -> None:
        watcher.watch("bob")
        node.ask("ADD", "ann", 100)
        assert watcher.told == []

    def test_watching_twice_is_told_once_under_the_newer_id(
        self, node: Node, watcher: Watcher
    ) -> None:
        node.store.loading.shut()
        older_id, newer_id = watcher.watch(), watcher.watch()
        node.store.loading.open()
        node.ask("ADD", "ann", 100)
        assert watcher.answers == [
            (older_id, WatchingAccount("ann", False)),
            (newer_id, WatchingAccount("ann", True, 0)),
        ]
        assert [request_id for request_id, _ in watcher.pushed] == [newer_id]

    def test_what_is_committed_while_the_watch_begins_is_not_left_out(
        self, node: Node, watcher: Watcher
    ) -> None:
        node.ask("ADD", "ann", 1)
        node.store.loading.shut()
        watcher.watch()
        node.ask("ADD", "ann", 2)
        node.store.loading.open()
        node.house.turn()
        ((_, begun),) = watcher.answers
        assert isinstance(begun, WatchingAccount)
        assert [begun.seq, *(seq for seq, _ in watcher.told)] in ([1, 2], [2])

    def test_a_store_that_is_away_is_told_to_who_wants_to_watch(
        self, node: Node, watcher: Watcher
    ) -> None:
        node.store.is_away = True
        watcher.watch()
        ((_, error),) = watcher.answers
        assert isinstance(error, Error)
        assert error.code == Code.STORE_UNAVAILABLE


class TestWhoMay:
    def test_a_user_watches_his_own_account_alone(self, node: Node) -> None:
        watcher = Watcher(node, AccessRole.USER)
        watcher.watch("ann")
        watcher.watch("bob")
        (_, begun), (_, error) = watcher.answers
        assert begun == WatchingAccount("ann", True, 0)
        assert isinstance(error, Error)
        assert error.code == Code.NOT_PERMITTED

    @pytest.mark.parametrize("role", [AccessRole.NODE, AccessRole.OPERATOR])
    def test_who_does_not_trade_does_not_watch(self, node: Node, role: AccessRole) -> None:
        watcher = Watcher(node, role)
        watcher.watch()
        ((_, error),) = watcher.answers
        assert isinstance(error, Error)
        assert error.code == Code.NOT_PERMITTED

    def test_a_name_that_nobody_can_have_is_refused(self, watcher: Watcher) -> None:
        watcher.watch("no blanks")
        ((_, error),) = watcher.answers
        assert isinstance(error, Error)
        assert error.code == Code.BAD_USER

    def test_one_connection_watches_so_many_accounts_and_no_more(
        self, node: Node, watcher: Watcher
    ) -> None:
        news = node.assembly.account_news
        for number in range(WATCHES_MAX + 1):
            news.watch(watcher, number.to_bytes(16, "big"), f"u{number}")
        node.house.turn()
        errors = [message for _, message in watcher.answers if isinstance(message, Error)]
        assert [error.code for error in errors] == [Code.TOO_MANY_WATCHES]
        assert len(watcher.answers) == WATCHES_MAX + 1


class TestWhoDoesNotRead:
    def test_nothing_is_pushed_and_one_word_to_look_again_comes_after(
        self, node: Node, watcher: Watcher
    ) -> None:
        watcher.watch()
        node.ask("ADD", "ann", 1)
        watcher.congest(True)
        for _ in range(50):
            node.ask("ADD", "ann", 1)
        assert watcher.told == [(1, "ADD")]
        watcher.congest(False)
        node.ask("ADD", "ann", 1)
        assert watcher.told == [(1, "ADD"), (51, ""), (52, "ADD")]
        assert watcher.changes[1].cash_cents == 51

    def test_who_missed_nothing_is_not_told_to_look(self, node: Node, watcher: Watcher) -> None:
        watcher.watch()
        watcher.congest(True)
        watcher.congest(False)
        assert watcher.told == []


class TestOtherWriters:
    def test_a_trigger_that_fires_is_told_at_once(
        self, house: House, node: Node, watcher: Watcher
    ) -> None:
        node.ask("ADD", "ann", 10_000)
        node.ask("SET_BUY_AMOUNT", "ann", "ABC", 1_000)
        node.ask("SET_BUY_TRIGGER", "ann", "ABC", 500)
        watcher.watch()
        let_fire(house)
        assert watcher.told == [(4, "SET_BUY_TRIGGER (fired)")]
        assert (watcher.changes[0].cash_cents, watcher.changes[0].reserve_cents) == (9_000, 0)

    def test_the_node_reads_the_changed_account_before_its_next_command(
        self, house: House, node: Node, watcher: Watcher
    ) -> None:
        node.ask("ADD", "ann", 10_000)
        node.ask("SET_BUY_AMOUNT", "ann", "ABC", 1_000)
        node.ask("SET_BUY_TRIGGER", "ann", "ABC", 500)
        let_fire(house)
        assert node.ask("ADD", "ann", 1).receipt.seq == 5
        assert node.store.conflicts == 0

    def test_a_lost_announcement_is_made_up_for_at_the_next_look(
        self, house: House, node: Node, watcher: Watcher
    ) -> None:
        node.ask("ADD", "ann", 10_000)
        node.ask("SET_BUY_AMOUNT", "ann", "ABC", 1_000)
        node.ask("SET_BUY_TRIGGER", "ann", "ABC", 500)
        watcher.watch()
        let_fire(house, announced=False)
        assert watcher.told == []
        house.pass_time(LOOK_EVERY_S)
        assert watcher.told == [(4, "SET_BUY_TRIGGER (fired)")]

    def test_what_another_node_writes_is_told_at_once(
        self, house: House, node: Node, watcher: Watcher
    ) -> None:
        other = house.node()
        watcher.watch()
        other.ask("ADD", "ann", 1)
        other.ask("ADD", "ann", 2)
        node.ask("ADD", "ann", 3)
        assert watcher.told == [(1, "ADD"), (2, "ADD"), (3, "ADD")]
        assert [each.cash_cents for each in watcher.changes] == [1, 3, 6]

    def test_a_node_announces_only_what_somebody_watches_elsewhere(self, house: House) -> None:
        one, other = house.node(), house.node()
        heard: list[object] = []
        outcome_of(house.another_store().listen_accounts(heard.append))
        watcher = Watcher(one)
        other.ask("ADD", "ann", 1)
        assert heard == []
        watcher.watch()
        watcher.watch(wanted=False)
        heard.clear()
        other.ask("ADD", "ann", 1)
        assert len(heard) == 1
        house.pass_time(WANTED_FOR_S + 2 * LOOK_EVERY_S)
        heard.clear()
        other.ask("ADD", "ann", 1)
        assert heard == []

    def test_who_is_far_behind_is_told_to_look_again_and_goes_on_from_there(
        self, house: House, node: Node, watcher: Watcher
    ) -> None:
        watcher.watch()
        node.store.reading.shut()
        other = house.node()
        house.ledger.account_listeners.clear()
        for _ in range(CATCH_UP_MAX + 1):
            other.ask("ADD", "ann", 1)
        house.pass_time(LOOK_EVERY_S)
        node.ask("ADD", "ann", 1)
        assert watcher.told == [(CATCH_UP_MAX + 1, ""), (CATCH_UP_MAX + 2, "ADD")]
        assert watcher.changes[0].cash_cents == CATCH_UP_MAX + 1

    def test_a_subscription_that_ended_is_taken_anew(
        self, house: House, node: Node, watcher: Watcher
    ) -> None:
        other = house.node()
        watcher.watch()
        for subscription in list(house.ledger.account_listeners):
            subscription.is_closed = True
        house.pass_time(2 * LOOK_EVERY_S)
        other.ask("ADD", "ann", 1)
        assert watcher.told == [(1, "ADD")]
