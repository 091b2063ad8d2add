"""The client's end of a log-in: it trusts no server that does not know it."""

from msgspec import structs
from twisted.internet.protocol import Factory, Protocol

from protocol.errors import Code, RemoteProtocolError, TradeError
from service.client import ClientProtocol, ConnectionEnded, connect
from service.credentials import FixedVerifiers
from tests.service.links import BoundedClock, MemoryEndpoint, outcome_of
from tests.service.premises import PASSWORD, VERIFIERS, ServerInMemory, credential


def code_of(outcome: list[object]) -> Code:
    """The code of the error that ended the waiting."""
    (error,) = outcome
    assert isinstance(error, TradeError)
    return error.code


class TestConnecting:
    def try_to_connect(
        self, server: ServerInMemory, name: str, password: str = PASSWORD
    ) -> list[object]:
        known = credential(name, password)
        outcome = outcome_of(connect(server.endpoint, server.clock, "test", known))
        server.turn()
        return outcome

    def test_the_client_knows_the_server_by_name(self, client: ClientProtocol) -> None:
        assert client.server == "server-1"
        assert not client.is_lost

    def test_a_wrong_password_is_told_and_the_connection_ends(self, server: ServerInMemory) -> None:
        assert code_of(self.try_to_connect(server, "bench", "wrong")) == Code.LOGIN_FAILED
        assert server.factory.protocols == set()
        assert server.clock.getDelayedCalls() == []

    def test_a_server_that_does_not_know_the_password_is_not_trusted(self) -> None:
        """It would let anybody in, but cannot prove that it ever saw the password."""
        verifier = VERIFIERS._verifiers["bench"]
        impostor = structs.replace(verifier, server_key=bytes(32))
        server = ServerInMemory(FixedVerifiers({"bench": impostor}))
        assert code_of(self.try_to_connect(server, "bench")) == Code.LOGIN_FAILED
        assert server.factory.protocols == set()

    def test_a_refused_connection_is_passed_on(self, server: ServerInMemory) -> None:
        server.endpoint.is_down = True
        (error,) = self.try_to_connect(server, "bench")
        assert type(error).__name__ == "ConnectionRefusedError"

    def test_an_end_during_the_log_in_is_told(self, server: ServerInMemory) -> None:
        outcome = outcome_of(connect(server.endpoint, server.clock, "test", credential("bench")))
        server.clock.callLater(0, lambda: server.endpoint.clients[0].abortConnection())
        server.turn()
        assert [type(each) for each in outcome] == [ConnectionEnded]

    def test_a_server_that_speaks_something_else_is_told_apart(self) -> None:
        class Parrot(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        clock = BoundedClock()
        endpoint = MemoryEndpoint(clock, Factory.forProtocol(Parrot))
        outcome = outcome_of(connect(endpoint, clock, "test", credential("bench")))
        clock.advance(0)
        assert [type(each) for each in outcome] == [RemoteProtocolError]
        assert not endpoint.clients[0].connected

    def test_a_server_that_never_answers_is_given_up(self) -> None:
        clock = BoundedClock()
        endpoint = MemoryEndpoint(clock, Factory.forProtocol(Protocol))
        outcome = outcome_of(connect(endpoint, clock, "test", credential("bench")))
        clock.pass_time(60)
        assert [type(each) for each in outcome] == [ConnectionEnded]
