"""Shipping to an audit daemon that is down, slow, lost in the middle, restarted or ahead."""

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from audit.flight import APPENDS_MAX
from audit.shipper import APPEND_BYTES_MAX, LINGER_S, RETRY_S, Lag, Shipper
from protocol.authentication import AccessRole
from protocol.errors import Code
from protocol.messages import Error
from tests.audit.fake_daemon import FakeDaemon, FakeJournal
from tests.audit.links import CREDENTIALS, MemoryEndpoint, outcome_of, server_factory, settle

ENTRY_BYTES = 100
MEMORY_BYTES_MAX = 50 * ENTRY_BYTES
RECONNECT_S = 5.0
"""Longer than any pause between two attempts to connect."""


class ShipperTests:
    """A shipper over a journal, and a daemon that has nothing yet."""

    @pytest.fixture(autouse=True)
    def _prepare(self) -> None:
        self.clock = Clock()
        self.daemon = FakeDaemon()
        self.endpoint = MemoryEndpoint(self.clock, server_factory(self.clock, self.daemon))
        self.journal = FakeJournal()
        self.shipper = self.new_shipper()

    def new_shipper(self) -> Shipper:
        """What a node makes when it starts."""
        return Shipper(
            self.clock,
            self.endpoint,
            CREDENTIALS[AccessRole.NODE],
            self.journal,
            "node-1/0",
            lambda: 0.1,
            MEMORY_BYTES_MAX,
        )

    def start(self) -> None:
        """Connect, and tell where the journal ends."""
        self.shipper.advance_to(len(self.journal.entries))
        self.shipper.start()
        settle(self.clock)

    def commit(self, count: int, entry_bytes: int = ENTRY_BYTES) -> list[bytes]:
        """Have entries committed that nobody hands to the shipper."""
        first = len(self.journal.entries) + 1
        made = [b"%d" % n for n in range(first, first + count)]
        entries = [entry.ljust(entry_bytes) for entry in made]
        self.journal.entries += entries
        return entries

    def commit_and_ship(self, count: int, entry_bytes: int = ENTRY_BYTES) -> None:
        """What a node does with a batch."""
        first = len(self.journal.entries) + 1
        self.shipper.ship(first, self.commit(count, entry_bytes))

    def wait(self, seconds: float) -> None:
        """Let time pass in steps, and all that follows from it happen."""
        for _ in range(max(1, int(seconds * 10))):
            self.clock.advance(0.1)
            settle(self.clock, 20)

    @property
    def has_all(self) -> bool:
        """The daemon has exactly what was committed, and the shipper knows."""
        return self.daemon.entries == self.journal.entries and self.shipper.acked_number == len(
            self.journal.entries
        )


class TestADaemonThatIsWell(ShipperTests):
    def test_entries_arrive_in_order_without_reading_the_journal(self) -> None:
        self.start()
        for count in (3, 1, 40):
            self.commit_and_ship(count)
            self.wait(LINGER_S)
        assert self.has_all
        assert self.journal.reads == 0

    def test_what_is_committed_soon_after_an_append_shares_the_next_one(self) -> None:
        self.start()
        for _ in range(10):
            self.commit_and_ship(1)
            settle(self.clock)
        assert len(self.daemon.appends) == 1
        self.clock.advance(LINGER_S)
        settle(self.clock)
        assert self.has_all
        assert len(self.daemon.appends) == 2

    def test_batches_of_one_turn_travel_together(self) -> None:
        self.start()
        for _ in range(10):
            self.commit_and_ship(1)
        settle(self.clock)
        assert self.has_all
        assert len(self.daemon.appends) == 1

    def test_nothing_is_held_that_is_acknowledged(self) -> None:
        self.start()
        self.commit_and_ship(40)
        assert self.shipper.lag == Lag(40, 40 * ENTRY_BYTES, True)
        settle(self.clock)
        assert self.shipper.lag == Lag(0, 0, True)

    def test_no_append_is_larger_than_its_limit(self) -> None:
        self.start()
        for _ in range(5):
            self.commit_and_ship(40, APPEND_BYTES_MAX // 16)
            self.wait(LINGER_S)
        assert self.has_all
        sizes = [sum(map(len, append.entries)) for append in self.daemon.appends]
        assert max(sizes) <= APPEND_BYTES_MAX

    def test_an_entry_larger_than_the_limit_travels_alone(self) -> None:
        self.start()
        self.commit_and_ship(2, APPEND_BYTES_MAX + 1)
        settle(self.clock)
        assert self.has_all

    def test_entries_that_were_committed_but_never_handed_over_are_read(self) -> None:
        """A commit whose outcome was unknown: the journal has more than the node knew."""
        self.start()
        self.commit_and_ship(5)
        self.commit(7)
        self.shipper.advance_to(12)
        self.commit_and_ship(3)
        settle(self.clock)
        assert self.has_all


class TestADaemonThatIsDown(ShipperTests):
    def test_memory_is_bounded_and_nothing_is_lost(self) -> None:
        self.endpoint.is_down = True
        self.start()
        for _ in range(300):
            self.commit_and_ship(10)
            assert self.shipper.lag.held_bytes <= MEMORY_BYTES_MAX
        assert self.shipper.lag.entries == 3_000
        self.endpoint.is_down = False
        self.wait(RECONNECT_S)
        assert self.has_all

    def test_what_fits_into_memory_is_not_read_from_the_journal(self) -> None:
        self.endpoint.is_down = True
        self.start()
        self.commit_and_ship(50)
        self.endpoint.is_down = False
        self.wait(RECONNECT_S)
        assert self.has_all
        assert self.journal.reads == 0

    def test_new_entries_wait_for_the_old_ones(self) -> None:
        self.endpoint.is_down = True
        self.start()
        self.commit_and_ship(200)
        self.endpoint.is_down = False
        for _ in range(50):
            self.commit_and_ship(1)
            self.wait(0.1)
        assert self.has_all

    def test_it_is_asked_again_and_again(self) -> None:
        self.start()
        for _ in range(3):
            self.endpoint.go_down()
            self.commit_and_ship(20)
            self.wait(20)
            self.endpoint.is_down = False
            self.wait(RECONNECT_S)
            assert self.has_all

    def test_a_journal_that_is_away_is_read_once_it_is_back(self) -> None:
        self.commit(10)
        self.journal.is_away = True
        self.start()
        self.wait(3 * RETRY_S)
        assert self.daemon.entries == []
        self.journal.is_away = False
        self.wait(2 * RETRY_S)
        assert self.has_all


class TestADaemonThatIsSlow(ShipperTests):
    def test_no_more_than_a_few_appends_are_under_way(self) -> None:
        self.start()
        self.daemon.is_slow = True
        for _ in range(20):
            self.commit_and_ship(1)
            self.wait(LINGER_S)
        assert self.daemon.unanswered_max == APPENDS_MAX
        for _ in range(20):
            if self.daemon.unanswered:
                self.daemon.answer_one()
            self.wait(LINGER_S)
        assert self.has_all
        assert self.daemon.unanswered_max == APPENDS_MAX
        assert len(self.daemon.appends) == APPENDS_MAX + 1, "what waited travels together"

    def test_memory_is_bounded(self) -> None:
        self.start()
        self.daemon.is_slow = True
        for _ in range(100):
            self.commit_and_ship(10)
            self.wait(LINGER_S)
            assert self.shipper.lag.held_bytes <= MEMORY_BYTES_MAX
        self.daemon.is_slow = False
        self.daemon.answer_all()
        self.wait(LINGER_S)
        assert self.has_all


class TestADaemonThatIsLost(ShipperTests):
    def test_what_was_under_way_is_sent_again_if_it_did_not_arrive(self) -> None:
        self.start()
        self.commit_and_ship(5)
        self.clock.advance(0)
        self.endpoint.cut()
        self.wait(RECONNECT_S)
        assert self.has_all

    def test_what_arrived_is_not_kept_twice_though_its_answer_was_lost(self) -> None:
        self.start()
        self.daemon.is_slow = True
        self.commit_and_ship(5)
        settle(self.clock)
        assert (len(self.daemon.entries), self.shipper.acked_number) == (5, 0)
        self.endpoint.cut()
        self.daemon.restart()
        self.commit_and_ship(5)
        self.wait(RECONNECT_S)
        assert self.has_all

    @pytest.mark.parametrize("turns", range(12))
    def test_wherever_the_connection_is_cut_all_arrives_once(self, turns: int) -> None:
        self.start()
        for _ in range(4):
            self.commit_and_ship(30)
            for _ in range(turns):
                self.clock.advance(0)
            self.endpoint.cut()
            self.daemon.restart()
            self.wait(RECONNECT_S)
        assert self.has_all

    def test_a_daemon_put_back_to_an_older_state_gets_the_rest_from_the_journal(self) -> None:
        self.start()
        self.commit_and_ship(30)
        settle(self.clock)
        self.endpoint.cut()
        del self.daemon.entries[10:]
        self.wait(RECONNECT_S)
        assert self.has_all


class TestADaemonThatRefuses(ShipperTests):
    def test_a_refused_append_is_tried_again_after_a_while(self) -> None:
        self.start()
        self.daemon.refusal = Error(Code.AUDIT_UNAVAILABLE, "the disk is full")
        self.commit_and_ship(5)
        self.wait(5 * RETRY_S)
        assert self.daemon.entries == []
        assert len(self.daemon.appends) <= 6, "it is not asked without a pause"
        self.daemon.refusal = None
        self.wait(2 * RETRY_S)
        assert self.has_all

    def test_a_daemon_that_is_ahead_of_the_journal_gets_nothing(self) -> None:
        """It would take new entries for old ones and pass over them."""
        self.commit(3)
        self.daemon.entries = [b"another history"] * 5
        self.start()
        self.commit_and_ship(1)
        self.wait(3 * RETRY_S)
        assert self.daemon.appends == []
        assert self.shipper.lag.entries == 4


class TestRestart(ShipperTests):
    def test_a_new_shipper_goes_on_where_the_daemon_ends(self) -> None:
        self.commit(30)
        self.daemon.entries = self.journal.entries[:12]
        self.start()
        assert self.has_all
        assert self.daemon.appends[0].first_number == 13

    def test_nothing_is_shipped_before_the_end_of_the_journal_is_known(self) -> None:
        self.commit(3)
        self.daemon.entries = self.journal.entries[:2]
        self.shipper.start()
        self.wait(2 * RETRY_S)
        assert self.daemon.appends == []
        self.shipper.advance_to(3)
        settle(self.clock)
        assert self.has_all

    def test_a_stopped_shipper_ships_no_more_and_the_next_takes_over(self) -> None:
        self.start()
        stopped = outcome_of(Deferred.fromCoroutine(self.shipper.stop()))
        settle(self.clock)
        self.commit_and_ship(5)
        self.wait(RECONNECT_S)
        assert (stopped, self.daemon.entries) == ([None], [])
        self.shipper = self.new_shipper()
        self.start()
        assert self.has_all

    def test_a_shipper_that_never_started_can_be_stopped(self) -> None:
        stopped = outcome_of(Deferred.fromCoroutine(self.shipper.stop()))
        settle(self.clock)
        assert stopped == [None]

    def test_nothing_is_left_on_the_clock_after_a_stop(self) -> None:
        self.start()
        self.daemon.refusal = Error(Code.AUDIT_UNAVAILABLE, "the disk is full")
        self.commit_and_ship(5)
        settle(self.clock)
        self.endpoint.cut()
        self.wait(RETRY_S / 2)
        assert len(self.endpoint.clients) == 2
        outcome_of(Deferred.fromCoroutine(self.shipper.stop()))
        settle(self.clock)
        assert self.clock.getDelayedCalls() == []


class TestDraining(ShipperTests):
    def drain(self) -> list[object]:
        """What becomes of a wait for the daemon."""
        return outcome_of(Deferred.fromCoroutine(self.shipper.drain()))

    def test_it_ends_when_all_that_was_shipped_is_acknowledged(self) -> None:
        self.start()
        self.daemon.is_slow = True
        self.commit_and_ship(5)
        drained = self.drain()
        settle(self.clock)
        assert drained == []
        self.daemon.answer_all()
        settle(self.clock)
        assert drained == [None]

    def test_it_does_not_wait_for_what_is_shipped_later(self) -> None:
        self.start()
        self.daemon.is_slow = True
        self.commit_and_ship(5)
        drained = self.drain()
        settle(self.clock)
        self.commit_and_ship(5)
        settle(self.clock)
        self.daemon.answer_one()
        settle(self.clock)
        assert drained == [None]

    def test_several_may_wait_and_one_may_give_up(self) -> None:
        self.endpoint.is_down = True
        self.start()
        self.commit_and_ship(1)
        patient = self.drain()
        waiting = Deferred.fromCoroutine(self.shipper.drain())
        given_up = outcome_of(waiting)
        waiting.cancel()
        self.endpoint.is_down = False
        self.wait(RECONNECT_S)
        assert isinstance(given_up[0], CancelledError)
        assert patient == [None]
