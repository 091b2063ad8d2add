"""First acknowledgements count from the fault, and only what the client sent after it."""

from daytrade.chaos.figures import percentile_s
from daytrade.chaos.plan import Action, Fault, Kind, Part
from daytrade.chaos.strikes import Row, Strike, Strikes, table_rows
from generator.exactly_once import Fault as Wrong
from generator.exactly_once import Finding, Verdict
from generator.history import Exchange
from generator.result import Outcome
from generator.user_run import Sent
from protocol.messages import Add, Receipt

KILL_NODE = Kind(Action.KILL, Part.NODE)
KILL_AUDIT = Kind(Action.KILL, Part.AUDIT)


def strike(kind: Kind, at_s: float, users: frozenset[str] | None = None) -> Strike:
    return Strike(Fault(at_s, kind, "node-1", 0.0, 0.5), at_s, int(at_s * 1000), users)


def sent(at_s: float, user: str = "ann", node: str = "node-1") -> Sent:
    command = Sent(b"i" * 16, Add(user, 1, 1), at_s, at_s)
    command.node = node
    return command


def seen(hit: Strike) -> tuple[float | None, float | None]:
    """The two times of a strike, as far as they are known."""
    return hit.first_ack_s, hit.back_s


class TestFirstAcknowledgements:
    def test_an_answer_to_what_was_sent_before_the_fault_does_not_count(self) -> None:
        strikes, hit = Strikes(), strike(KILL_AUDIT, 10.0)
        strikes.begin(hit)
        strikes.settled(sent(9.9), Outcome.ACCEPTED, 10.1)
        assert hit.first_ack_s is None
        strikes.settled(sent(10.2), Outcome.REFUSED, 10.5)
        strikes.settled(sent(10.6), Outcome.ACCEPTED, 10.7)
        assert hit.first_ack_s == 0.5

    def test_what_was_sent_again_after_the_fault_counts(self) -> None:
        strikes, hit = Strikes(), strike(KILL_AUDIT, 10.0)
        strikes.begin(hit)
        again = sent(9.0)
        again.last_sent_s = 11.0
        strikes.settled(again, Outcome.ACCEPTED, 12.0)
        assert hit.first_ack_s == 2.0

    def test_an_unknown_outcome_is_no_acknowledgement(self) -> None:
        strikes, hit = Strikes(), strike(KILL_AUDIT, 10.0)
        strikes.begin(hit)
        strikes.settled(sent(10.5), Outcome.UNKNOWN, 70.0)
        assert hit.first_ack_s is None

    def test_a_nodes_fault_counts_for_the_users_it_stood_in_the_way_of(self) -> None:
        strikes, hit = Strikes(), strike(KILL_NODE, 10.0, frozenset(["ann"]))
        strikes.begin(hit)
        strikes.settled(sent(10.1, "ben", "node-2"), Outcome.ACCEPTED, 10.2)
        assert seen(hit) == (None, None)
        strikes.settled(sent(10.1, "ann", "node-2"), Outcome.ACCEPTED, 10.5)
        assert seen(hit) == (0.5, None)
        strikes.settled(sent(12.0, "ann", "node-1"), Outcome.ACCEPTED, 12.5)
        assert seen(hit) == (0.5, 2.5)

    def test_after_a_full_disk_the_count_begins_when_there_is_room(self) -> None:
        strikes, hit = Strikes(), strike(Kind(Action.DISK, Part.POSTGRES), 10.0)
        strikes.begin(hit)
        strikes.settled(sent(10.1), Outcome.ACCEPTED, 10.2)
        strikes.begin_again(hit, 15.0)
        assert hit.first_ack_s is None
        strikes.settled(sent(16.0), Outcome.ACCEPTED, 16.5)
        assert seen(hit) == (1.5, None)
        assert hit.at_ms == 10_000


class TestRows:
    def test_a_command_belongs_to_the_last_fault_before_it(self) -> None:
        add = Add("ann", 1, 1)
        history = [
            Exchange(b"%016d" % at_s, add, at_s * 1000, Outcome.ACCEPTED, Receipt(1, 1))
            for at_s in (5, 10, 15, 25, 26)
        ]
        history.append(Exchange(b"never answered..", add, 27_000))
        verdict = Verdict(
            findings=[
                Finding(Wrong.LOST, "", "", b"%016d" % 15),
                Finding(Wrong.DOUBLED, "", "", b"%016d" % 26),
            ]
        )
        first, second = strike(KILL_NODE, 10.0), strike(KILL_AUDIT, 20.0)
        first.first_ack_s = 0.25
        second.back_s = 1.5
        before, audit, node = table_rows([first, second], history, verdict)
        assert before == Row(None, 0, acknowledged=1)
        assert node == Row(KILL_NODE, 1, acknowledged=2, lost=1, first_acks_s=[0.25])
        assert (audit.acknowledged, audit.unresolved, audit.doubled) == (2, 1, 1)
        assert (audit.never_acked, audit.backs_s) == (1, [1.5])


def test_percentiles_are_values_that_were_seen() -> None:
    hundred = [float(number) for number in range(1, 101)]
    assert [percentile_s(hundred, percent) for percent in (50, 99, 100)] == [50.0, 99.0, 100.0]
    assert percentile_s([7.0], 50) == 7.0
