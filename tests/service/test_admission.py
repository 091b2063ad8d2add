"""Floods, guesses and slow senders: who is nobody makes room, who has logged in keeps its place."""

import gc
import weakref

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from protocol.authentication import ClientLogIn
from protocol.connection import Connection, hello
from protocol.errors import Code
from protocol.framing import FRAME_BYTES_MAX, WAY_IN_BYTES_MAX
from protocol.messages import DumpLog, Error, LoggedIn
from protocol.states import Role
from service.admission import Admission
from service.limits import HEARTBEAT_S, PortLimits
from service.wire import SLOW_FRAME_BEATS_MAX
from tests.service.premises import LOG_IN_ID, PASSWORD, Caller, ServerInMemory, add, request_id


def server_with(limits: PortLimits) -> ServerInMemory:
    return ServerInMemory(limits=limits)


class Visitor:
    """Somebody at an address; see `service.admission.Applicant`."""

    def __init__(self, host: str) -> None:
        self.host = host

    def make_room(self) -> None:
        """Go."""


class SocketAlone(StringTransport):
    """A socket with nobody at the other end."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing is held back here."""


class TestConnections:
    def test_who_logs_in_for_longest_makes_room_and_who_is_logged_in_does_not(self) -> None:
        server = server_with(PortLimits(not_logged_in_max=3))
        good = server.logged_in()
        callers = [server.caller() for _ in range(5)]
        assert [caller.is_lost for caller in callers] == [True, True, False, False, False]
        assert not good.is_lost
        assert server.factory.counters.dropped == {"made room": 2}
        assert isinstance(server.log_in(server.greeted(), "bench"), LoggedIn)

    def test_beyond_all_connections_who_is_nobody_makes_room(self) -> None:
        server = server_with(PortLimits(connections_max=2))
        good, idle = server.logged_in(), server.caller()
        better = server.logged_in()
        assert (good.is_lost, idle.is_lost, better.is_lost) == (False, True, False)
        assert server.caller().farewell is Code.TOO_MANY_CONNECTIONS

    def test_one_address_may_have_so_many(self) -> None:
        server = server_with(PortLimits(connections_per_address_max=2))
        first, second = server.logged_in(), server.logged_in()
        assert server.caller().farewell is Code.TOO_MANY_CONNECTIONS
        first.transport.loseConnection()
        server.turn()
        assert not server.logged_in().is_lost
        assert not second.is_lost

    def test_one_address_may_come_so_fast(self) -> None:
        server = server_with(PortLimits(address_connections_per_s=1.0, address_connections_burst=3))
        assert [server.caller().is_lost for _ in range(5)] == [False] * 3 + [True] * 2
        server.clock.advance(2)
        assert [server.caller().is_lost for _ in range(3)] == [False] * 2 + [True]

    def test_this_machines_own_address_is_shared_and_not_held_to_its_share(self) -> None:
        limits = PortLimits(address_connections_burst=1, connections_per_address_max=1)
        admission = Admission(Clock(), limits)
        near = [Visitor("127.0.0.1") for _ in range(3)]
        far = [Visitor("192.0.2.7") for _ in range(2)]
        assert [bool(admission.arrived(each)) for each in [*near, *far]] == [False] * 4 + [True]

    def test_who_is_gone_is_counted_no_more(self) -> None:
        server = server_with(PortLimits())
        for caller in [server.logged_in(), server.greeted(), server.caller()]:
            caller.transport.loseConnection()
        server.turn()
        server.turn()
        assert server.factory.admission.connections == 0
        assert server.factory.protocols == set()

    def test_who_is_gone_leaves_nothing_for_the_garbage_collector(self) -> None:
        """In a flood it would stop the event loop for as long as twenty commands take."""
        server, transport = server_with(PortLimits()), SocketAlone()
        protocol = server.factory.buildProtocol(None)
        protocol.makeConnection(transport)
        protocol.dataReceived(Connection(Role.CLIENT).send(hello("x")))
        # A socket's transport lets go of its producer by itself.
        transport.unregisterProducer()
        protocol.connectionLost(Failure(ConnectionDone()))
        server.service.lost.clear()
        left = weakref.ref(protocol)
        gc.disable()
        try:
            del protocol
            assert left() is None
        finally:
            gc.enable()


class TestGuesses:
    def test_an_address_that_was_refused_too_often_may_not_try_for_a_while(self) -> None:
        server = server_with(PortLimits(refused_log_ins_per_s=0.5, refused_log_ins_burst=3))
        for _ in range(3):
            refusal = server.log_in(server.greeted(), "bench", "a guess")
            assert isinstance(refusal, Error)
            assert refusal.code == Code.LOGIN_FAILED
        caller = server.greeted()
        caller.say(ClientLogIn("bench", PASSWORD).first(), LOG_IN_ID)
        server.turn()
        refused = caller.last[1]
        assert isinstance(refused, Error)
        assert refused.code == Code.SLOW_DOWN
        server.clock.advance(8)
        assert isinstance(server.log_in(server.greeted(), "bench"), LoggedIn)


class TestPace:
    LIMITS = PortLimits(
        user_requests_per_s=10.0,
        user_requests_burst=4,
        address_requests_per_s=10.0,
        address_requests_burst=6,
    )

    def answers(self, server: ServerInMemory, caller: Caller, count: int) -> list[Code]:
        """What a client is told at once for some requests in a row."""
        caller.heard.clear()
        server.ask(caller, *range(1, count + 1))
        return [Code(error.code) for _, error in caller.heard if isinstance(error, Error)]

    def test_a_user_who_asks_too_fast_is_told_and_may_send_it_again(self) -> None:
        server = server_with(self.LIMITS)
        ann = server.logged_in("ann")
        assert self.answers(server, ann, 6) == [Code.SLOW_DOWN] * 2
        assert len(server.service.requests) == 4
        assert server.factory.outstanding == 4
        server.clock.advance(1)
        assert self.answers(server, ann, 1) == []

    def test_a_user_who_asks_for_the_log_too_often_is_told_how_long_to_wait(self) -> None:
        server = server_with(PortLimits(user_dumplogs_per_s=0.25, user_dumplogs_burst=2))
        ann, again = server.logged_in("ann"), server.logged_in("ann")
        for number in range(2):
            ann.say(DumpLog("ann", 1, "log"), request_id(number))
        again.say(DumpLog("ann", 1, "log"), request_id(2))
        server.turn()
        assert len(server.service.requests) == 2
        ((_, refused),) = again.heard
        assert isinstance(refused, Error)
        assert refused.code == Code.SLOW_DOWN
        assert refused.message == "you ask for the log too often: wait 4 s"
        assert self.answers(server, again, 100) == []
        server.clock.advance(4)
        again.say(DumpLog("ann", 1, "log"), request_id(3))
        server.turn()
        assert server.service.ids[-1] == request_id(3)

    def test_more_connections_of_one_user_gain_nothing(self) -> None:
        server = server_with(self.LIMITS)
        one, two = server.logged_in("ann"), server.logged_in("ann")
        assert self.answers(server, one, 4) == []
        assert self.answers(server, two, 1) == [Code.SLOW_DOWN]

    @pytest.mark.parametrize("name", ["bench", "root", "node-1", "olga"])
    def test_the_systems_own_services_and_workloads_have_no_pace(self, name: str) -> None:
        server = server_with(self.LIMITS)
        caller = server.logged_in(name)
        assert self.answers(server, caller, 5_000) == []
        for number in range(100):
            caller.say(DumpLog("ann", 1, "log"), request_id(number))
        server.turn()
        assert len(server.service.requests) == 5_100

    def test_the_usual_limits_leave_a_person_alone(self) -> None:
        server = server_with(PortLimits())
        assert self.answers(server, server.logged_in("ann"), 900) == []


class TestFrames:
    def frame(self, length: int) -> bytes:
        """The beginning of a frame of this length, which no message has."""
        return (length - 4).to_bytes(4, "big") + bytes([0x70]) + bytes(16)

    def test_who_is_nobody_may_send_short_frames_only(self, server: ServerInMemory) -> None:
        caller = server.greeted()
        caller.transport.write(self.frame(WAY_IN_BYTES_MAX))
        server.turn()
        assert not caller.is_lost
        other = server.greeted()
        other.transport.write(self.frame(WAY_IN_BYTES_MAX + 1))
        server.turn()
        assert other.farewell is Code.FRAME_TOO_LONG

    def test_who_is_logged_in_may_send_long_ones(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        caller.transport.write(self.frame(FRAME_BYTES_MAX))
        server.turn()
        assert not caller.is_lost

    def test_a_frame_that_comes_byte_by_byte_ends_the_connection(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        caller.transport.write(self.frame(1_000))
        for _ in range(int(HEARTBEAT_S * (SLOW_FRAME_BEATS_MAX + 1))):
            caller.transport.write(b"x")
            server.clock.pass_time(1)
        assert caller.is_lost
        assert server.factory.counters.dropped == {"slow frame": 1}

    def test_many_short_frames_that_are_always_cut_somewhere_do_not(
        self, server: ServerInMemory, caller: Caller
    ) -> None:
        rest = b""
        for number in range(60):
            frame = caller.frame(add(), request_id(number))
            caller.transport.write(rest + frame[:25])
            rest = frame[25:]
            server.clock.pass_time(1)
        assert not caller.is_lost
        assert len(server.service.requests) == 59
