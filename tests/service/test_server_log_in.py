"""Who gets in: hello, log-in, and what happens to whoever does neither."""

import pytest

from protocol.authentication import AccessRole, ClientLogIn
from protocol.codec import encode_body
from protocol.errors import Code
from protocol.fields import NO_ID
from protocol.framing import encode_frame
from protocol.messages import (
    Error,
    Health,
    HealthRequest,
    Hello,
    LoggedIn,
    LogIn,
    LogInChallenge,
    Message,
    Receipt,
    Welcome,
)
from service.credentials import FixedVerifiers
from service.limits import LOG_IN_TRIES_MAX, OUTSTANDING_MAX, PortLimits
from tests.service.premises import LOG_IN_ID, ROLES, ServerInMemory, add, request_id


def frame(message: Message, request_id: bytes = NO_ID) -> bytes:
    """What a client sends that keeps to no state."""
    return encode_frame(message.KIND, request_id, encode_body(message))


class TestHello:
    def test_the_welcome_tells_the_servers_name_and_limits(self) -> None:
        server = ServerInMemory(limits=PortLimits(heartbeat_s=7.5))
        caller = server.greeted()
        _, welcome = caller.last
        assert isinstance(welcome, Welcome)
        assert (welcome.server, welcome.outstanding_max) == ("server-1", OUTSTANDING_MAX)
        assert welcome.heartbeat_ms == 7500

    def test_a_client_of_another_version_is_told_so(self) -> None:
        server = ServerInMemory()
        caller = server.caller()
        caller.say(Hello(2, 9, "from the future"))
        server.turn()
        assert caller.farewell == Code.VERSION_UNSUPPORTED

    def test_a_second_hello_ends_the_connection(self) -> None:
        server = ServerInMemory()
        caller = server.greeted()
        caller.transport.write(frame(Hello(1, 1, "again")))
        server.turn()
        assert caller.farewell == Code.UNEXPECTED_MESSAGE

    @pytest.mark.parametrize("message", [add(), LogIn("SCRAM-SHA-256", "n,,n=ann,r=x")])
    def test_nothing_may_come_before_the_hello(self, message: Message) -> None:
        server = ServerInMemory()
        caller = server.caller()
        caller.transport.write(frame(message, request_id(1)))
        server.turn()
        assert caller.farewell == Code.UNEXPECTED_MESSAGE
        assert server.service.requests == []


class TestLogIn:
    @pytest.mark.parametrize("name", sorted(ROLES))
    def test_the_password_opens_the_connection_with_the_role_of_the_name(self, name: str) -> None:
        server = ServerInMemory()
        caller = server.logged_in(name)
        caller.say(add(), request_id(1))
        server.turn()
        ((link, asked_id, request),) = server.service.requests
        assert (link.name, link.role) == (name, ROLES[name])
        assert (asked_id, request) == (request_id(1), add())

    def test_a_request_before_the_log_in_ends_the_connection_unseen(self) -> None:
        server = ServerInMemory()
        caller = server.greeted()
        caller.transport.write(frame(add(), request_id(1)))
        server.turn()
        assert caller.farewell == Code.UNEXPECTED_MESSAGE
        assert server.service.requests == []

    def test_after_a_wrong_password_the_client_may_try_again(self) -> None:
        server = ServerInMemory()
        caller = server.greeted()
        refusal = server.log_in(caller, "ann", "wrong")
        assert isinstance(refusal, Error)
        assert refusal.code == Code.LOGIN_FAILED
        assert caller.last[0] == LOG_IN_ID
        assert isinstance(server.log_in(caller, "ann"), LoggedIn)

    def test_the_role_of_a_name_that_failed_does_not_stick(self) -> None:
        server = ServerInMemory()
        caller = server.greeted()
        server.log_in(caller, "root", "wrong")
        server.log_in(caller, "ann")
        caller.say(add(), request_id(1))
        server.turn()
        assert server.service.requests[0][0].role is AccessRole.USER

    def test_an_unknown_name_is_refused_like_a_wrong_password(self) -> None:
        """Neither the answer nor the salt may tell whether there is such a name."""
        server = ServerInMemory()
        known, unknown, again = server.greeted(), server.greeted(), server.greeted()
        refusal = server.log_in(known, "ann", "wrong")
        assert server.log_in(unknown, "nobody") == refusal
        server.log_in(again, "nobody")
        salts = [
            message.server_first.split(",")[1]
            for caller in (unknown, again)
            for _, message in caller.heard
            if isinstance(message, LogInChallenge)
        ]
        assert salts[0] == salts[1]

    def test_too_many_wrong_passwords_end_the_connection(self) -> None:
        server = ServerInMemory()
        caller = server.greeted()
        for _ in range(LOG_IN_TRIES_MAX - 1):
            server.log_in(caller, "ann", "wrong")
            assert not caller.is_lost
        server.log_in(caller, "ann", "wrong")
        assert caller.farewell == Code.LOGIN_FAILED

    @pytest.mark.parametrize(
        "first", [LogIn("PLAIN", "n,,n=ann,r=x"), LogIn("SCRAM-SHA-256", "nonsense")]
    )
    def test_a_log_in_that_is_none_is_refused_and_counts(self, first: LogIn) -> None:
        server = ServerInMemory()
        caller = server.greeted()
        for _ in range(LOG_IN_TRIES_MAX):
            assert not caller.is_lost
            caller.say(first, LOG_IN_ID)
            server.turn()
        assert caller.farewell == Code.LOGIN_FAILED

    def test_who_is_logged_in_may_not_do_it_again_but_may_go_on(self) -> None:
        server = ServerInMemory()
        caller = server.logged_in()
        caller.transport.write(frame(ClientLogIn("root", "x").first(), request_id(1)))
        caller.say(add(), request_id(2))
        server.turn()
        ((answered_id, error),) = caller.heard
        assert isinstance(error, Error)
        assert (answered_id, error.code) == (request_id(1), Code.UNEXPECTED_MESSAGE)
        assert server.service.ids == [request_id(2)]


class TestHealth:
    def test_anybody_may_ask_how_the_service_is(self) -> None:
        server = ServerInMemory()
        caller = server.greeted()
        caller.say(HealthRequest(), request_id(1))
        server.turn()
        assert caller.last == (request_id(1), Health(True, ""))

    def test_after_the_log_in_health_is_no_request_to_the_service(self) -> None:
        server = ServerInMemory()
        caller = server.logged_in()
        server.service.state = Health(False, "ill")
        caller.say(HealthRequest(), request_id(1))
        server.turn()
        assert caller.heard == [(request_id(1), Health(False, "ill"))]
        assert server.service.requests == []
        assert server.factory.outstanding == 0

    def test_asking_does_not_replace_the_log_in(self) -> None:
        server = ServerInMemory()
        caller = server.greeted()
        caller.say(HealthRequest(), request_id(1))
        server.turn()
        caller.transport.write(frame(add(), request_id(2)))
        server.turn()
        assert caller.farewell == Code.UNEXPECTED_MESSAGE


def test_an_empty_accept_file_lets_nobody_in() -> None:
    server = ServerInMemory(FixedVerifiers({}))
    assert isinstance(server.log_in(server.greeted(), "ann"), Error)
    assert not any(isinstance(reply, Receipt) for _, reply in server.greeted().heard)


class TestCertificate:
    """A client's certificate names the roles that it may log in as."""

    @pytest.mark.parametrize(
        ("roles", "is_let_in"),
        [(None, True), ({"workload"}, True), ({"node"}, False), (frozenset(), False)],
    )
    def test_who_has_one_may_log_in_only_as_what_it_names(
        self,
        server: ServerInMemory,
        monkeypatch: pytest.MonkeyPatch,
        roles: set[str] | None,
        is_let_in: bool,
    ) -> None:
        monkeypatch.setattr("service.log_in.certified_roles", lambda _transport: roles)
        verdict = server.log_in(server.greeted(), "bench")
        assert isinstance(verdict, LoggedIn) is is_let_in
        if isinstance(verdict, Error):
            assert verdict.code == Code.NOT_PERMITTED
