"""A log-in that takes too long, and looking up a name that takes long or fails."""

from twisted.internet.defer import Deferred

from ledger.store import StoreUnavailable
from protocol.authentication import ClientLogIn, Verifier
from protocol.errors import Code
from protocol.messages import Error
from service.limits import LOG_IN_S_MAX
from tests.service.premises import LOG_IN_ID, Caller, ServerInMemory


class PendingVerifiers:
    """A source that answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Verifier | None]] = []

    async def verifier_for(self, name: str) -> Verifier | None:
        self.asked.append(Deferred())
        return await self.asked[-1]


class TestSlowness:
    def test_whoever_does_not_log_in_is_let_go(self) -> None:
        server = ServerInMemory()
        caller = server.greeted()
        server.clock.pass_time(LOG_IN_S_MAX - 1)
        assert not caller.is_lost
        server.clock.pass_time(1)
        assert caller.farewell == Code.TOO_SLOW

    def test_who_logged_in_in_time_stays(self) -> None:
        server = ServerInMemory()
        caller = server.logged_in()
        server.clock.pass_time(LOG_IN_S_MAX + 1)
        assert not caller.is_lost
        assert caller.heard == []

    def test_a_look_up_that_takes_too_long_ends_the_connection_and_is_given_up(self) -> None:
        verifiers = PendingVerifiers()
        server = ServerInMemory(verifiers)
        caller = server.greeted()
        caller.say(ClientLogIn("ann", "x").first(), LOG_IN_ID)
        server.clock.pass_time(LOG_IN_S_MAX)
        assert caller.farewell == Code.TOO_SLOW
        assert verifiers.asked[0].called

    def test_a_client_that_leaves_during_the_look_up_leaves_nothing_behind(self) -> None:
        verifiers = PendingVerifiers()
        server = ServerInMemory(verifiers)
        caller = server.greeted()
        caller.say(ClientLogIn("ann", "x").first(), LOG_IN_ID)
        server.turn()
        caller.transport.abortConnection()
        server.turn()
        assert verifiers.asked[0].called
        assert server.factory.protocols == set()
        assert server.clock.getDelayedCalls() == []


class TestLookingUp:
    def fail_with(self, failure: Exception) -> Caller:
        verifiers = PendingVerifiers()
        server = ServerInMemory(verifiers)
        caller = server.greeted()
        caller.say(ClientLogIn("ann", "x").first(), LOG_IN_ID)
        server.turn()
        verifiers.asked[0].errback(failure)
        server.turn()
        return caller

    def test_a_store_that_is_away_is_told_and_the_client_may_try_again(self) -> None:
        caller = self.fail_with(StoreUnavailable("down"))
        answered_id, error = caller.last
        assert isinstance(error, Error)
        assert (answered_id, error.code) == (LOG_IN_ID, Code.STORE_UNAVAILABLE)
        assert not caller.is_lost

    def test_any_other_trouble_ends_the_connection_and_tells_no_secret(self) -> None:
        caller = self.fail_with(RuntimeError("secret"))
        assert caller.farewell == Code.INTERNAL
        assert "secret" not in str(caller.last)
