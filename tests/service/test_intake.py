"""New connections: a few in one turn of the loop, at a pace, and never a busy loop."""

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from service.intake import PER_TURN_MAX, VAIN_S, Intake
from service.limits import Rate


class PortDouble:
    """A port with a queue of clients; see `service.intake.AcceptingPort`.

    :ivar waiting: clients that the kernel holds.
    :ivar has_files: whether there are descriptors for them.
    """

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self.has_files = True
        self.numberAccepts = 100
        self.sessionno = 0
        self.reads = 0
        self.is_reading = True
        self.is_lost = False

    def fileno(self) -> int:
        return 7

    def logPrefix(self) -> str:
        return "port"

    def doRead(self) -> None:
        self.reads += 1
        taken = min(self.numberAccepts, self.waiting)
        self.waiting -= taken
        if self.has_files:
            self.sessionno += taken

    def stopReading(self) -> None:
        self.is_reading = False

    def connectionLost(self, reason: Failure) -> None:
        self.is_lost = True


class Flooded:
    """An intake of 10 connections a second after 20, and a port with clients that wait."""

    def __init__(self, waiting: int) -> None:
        self.reactor = MemoryReactorClock()
        self.port = PortDouble(waiting)
        self.intake = Intake(self.reactor, Rate(10.0, 20.0))
        self.intake.open(self.port)

    @property
    def is_read(self) -> bool:
        """Whether the reactor looks for new connections."""
        return self.intake in self.reactor.getReaders()

    def turn(self) -> None:
        """One turn of the loop: a port with somebody in its queue is readable."""
        if self.is_read and self.port.waiting:
            self.intake.doRead()

    def pass_time(self, seconds: float) -> None:
        """Many turns of the loop."""
        for _ in range(round(seconds / 0.01)):
            self.reactor.advance(0.01)
            self.turn()


@pytest.fixture
def flooded() -> Flooded:
    return Flooded(waiting=100_000)


def test_the_reactor_reads_the_intake_and_not_the_port(flooded: Flooded) -> None:
    assert flooded.is_read
    assert not flooded.port.is_reading
    assert flooded.intake.fileno() == 7
    assert flooded.intake.logPrefix() == "port"


def test_one_turn_takes_a_few(flooded: Flooded) -> None:
    flooded.turn()
    assert flooded.port.sessionno == PER_TURN_MAX


def test_a_flood_is_taken_at_the_pace_and_the_rest_waits(flooded: Flooded) -> None:
    flooded.pass_time(60.0)
    assert 20 + 600 - PER_TURN_MAX <= flooded.port.sessionno <= 20 + 600
    assert flooded.port.waiting == 100_000 - flooded.port.sessionno
    assert 55.0 < flooded.intake.held_s <= 61.0


def test_who_comes_when_it_is_quiet_waits_for_nothing() -> None:
    quiet = Flooded(waiting=0)
    for taken in range(1, 300):
        quiet.port.waiting = 1
        quiet.pass_time(0.2)
        assert quiet.port.sessionno == taken
    assert quiet.intake.held_s == 0.0


def test_a_burst_after_a_rest_is_taken_at_once() -> None:
    rested = Flooded(waiting=19)
    for _ in range(3):
        rested.turn()
    assert rested.port.sessionno == 19
    assert rested.intake.held_s == 0.0


def test_without_files_the_port_is_read_a_few_times_a_second(flooded: Flooded) -> None:
    flooded.port.has_files = False
    flooded.pass_time(10.0)
    assert 90 <= flooded.port.reads <= 10 / VAIN_S


def test_once_there_are_files_again_it_goes_on(flooded: Flooded) -> None:
    flooded.port.has_files = False
    flooded.pass_time(10.0)
    flooded.port.has_files = True
    flooded.pass_time(10.0)
    assert flooded.port.sessionno >= 100 - PER_TURN_MAX


class AskingReactor(MemoryReactorClock):
    """Asks whom it lets go for a descriptor, as the real ones do."""

    def removeReader(self, reader: IReadDescriptor) -> None:
        reader.fileno()
        super().removeReader(reader)


def test_one_that_was_never_opened_can_be_closed() -> None:
    reactor = AskingReactor()
    Intake(reactor, Rate(10.0, 20.0)).close()
    assert reactor.getReaders() == []


def test_a_closed_one_reads_no_more_not_even_later(flooded: Flooded) -> None:
    flooded.pass_time(5.0)
    assert not flooded.is_read
    flooded.intake.close()
    assert flooded.reactor.getDelayedCalls() == []
    flooded.pass_time(5.0)
    assert not flooded.is_read


def test_a_descriptor_that_breaks_is_told_to_the_port(flooded: Flooded) -> None:
    flooded.intake.connectionLost(Failure(ConnectionDone()))
    assert flooded.port.is_lost
    assert not flooded.is_read
