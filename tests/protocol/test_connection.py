"""One connection: what a peer's mistake costs it, farewells, drain, and the versions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.codec import frame
from protocol.connection import Connection, Event, Unreadable, choose_version, hello, welcome
from protocol.errors import Code, LocalProtocolError, ProtocolError, RemoteProtocolError
from protocol.fields import NO_ID
from protocol.framing import FRAME_BYTES_MAX, encode_frame
from protocol.messages import (
    Add,
    Buy,
    Chunk,
    CommitBuy,
    Drain,
    Error,
    Hello,
    Ping,
    Receipt,
)
from protocol.states import Role, State
from tests.protocol.pair import REQUEST_ID, ConnectionPair, frame_of
from tests.protocol.strategies import chunkings, streams

OTHER_ID = bytes(range(16, 32))
UNKNOWN_KIND = 0xFE

each_state = pytest.mark.parametrize("state", State, ids=lambda state: state.name)


def heard(connection: Connection, chunks: list[bytes]) -> tuple[list[Event], Code | None]:
    """The events of a stream in these chunks, and the code with which it ended, if it did."""
    events: list[Event] = []
    try:
        for chunk in chunks:
            for event in connection.receive(chunk):
                events.append(event)
    except RemoteProtocolError as error:
        return events, error.code
    return events, None


@settings(deadline=None)
@given(st.data(), st.sampled_from(State), st.sampled_from(Role))
def test_any_chunking_of_any_stream_tells_the_same(
    data: st.DataObject, state: State, role: Role
) -> None:
    """Bad frames in the middle included."""
    stream = data.draw(streams())
    chunks = data.draw(chunkings(stream))
    whole, cut = ConnectionPair(state).end(role), ConnectionPair(state).end(role)
    assert heard(cut, chunks) == heard(whole, [stream])
    assert cut.state is whole.state


class TestMistakesOfALoggedInClient:
    """They are answered under the id of the request, and the connection goes on."""

    def setup_method(self) -> None:
        self.server = ConnectionPair(State.OPEN).server

    def told(self, frame: bytes) -> Unreadable:
        """What the server is told of a bad frame, once the next good one was taken too."""
        bad, good = self.server.receive(frame + frame_of(Ping(), OTHER_ID))
        assert good == (OTHER_ID, Ping())
        assert bad[0] == REQUEST_ID
        assert isinstance(bad[1], Unreadable)
        return bad[1]

    def test_an_unknown_kind(self) -> None:
        frame = encode_frame(UNKNOWN_KIND, REQUEST_ID, b"whatever")
        assert self.told(frame).code is Code.UNKNOWN_KIND

    def test_an_unreadable_body(self) -> None:
        told = self.told(encode_frame(Add.KIND, REQUEST_ID, b"\x93\xa1u\x00\x01"))
        assert told.code is Code.BAD_BODY
        assert "Add" in told.message
        assert "$[1]" in told.message

    def test_a_second_hello(self) -> None:
        told = self.told(frame_of(hello("again")))
        assert told.code is Code.UNEXPECTED_MESSAGE
        assert "Hello" in told.message

    def test_a_reply_from_a_client(self) -> None:
        assert self.told(frame_of(Receipt(1, 2))).code is Code.UNEXPECTED_MESSAGE

    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            (encode_frame(UNKNOWN_KIND, NO_ID, b""), Code.UNKNOWN_KIND),
            (encode_frame(Add.KIND, NO_ID, b""), Code.BAD_BODY),
            (frame_of(hello("again"), NO_ID), Code.UNEXPECTED_MESSAGE),
            (frame_of(CommitBuy("u", 1), NO_ID), Code.BAD_FRAME),
        ],
    )
    def test_without_an_id_to_answer_they_end_the_connection(
        self, frame: bytes, code: Code
    ) -> None:
        assert heard(self.server, [frame]) == ([], code)

    def test_a_bad_length_ends_the_connection_after_what_came_before_it(self) -> None:
        events, code = heard(self.server, [frame_of(Ping()) + bytes(4)])
        assert events == [(REQUEST_ID, Ping())]
        assert code is Code.BAD_FRAME


class TestFatalMistakes:
    """After them nothing more is taken."""

    @pytest.mark.parametrize("state", [s for s in State if s not in (State.OPEN, State.DRAINING)])
    def test_a_command_before_log_in(self, state: State) -> None:
        server = ConnectionPair(state).server
        assert heard(server, [frame_of(CommitBuy("u", 1))]) == ([], Code.UNEXPECTED_MESSAGE)

    def test_an_unknown_kind_before_log_in(self) -> None:
        server = ConnectionPair(State.AWAITS_LOG_IN).server
        frame = encode_frame(UNKNOWN_KIND, REQUEST_ID, b"")
        assert heard(server, [frame]) == ([], Code.UNKNOWN_KIND)

    def test_a_server_that_breaks_the_rules(self) -> None:
        client = ConnectionPair(State.OPEN).client
        frame = encode_frame(Receipt.KIND, REQUEST_ID, b"\x91\x01")
        assert heard(client, [frame]) == ([], Code.BAD_BODY)

    def test_every_later_byte_is_refused_for_the_same_reason(self) -> None:
        server = ConnectionPair(State.AWAITS_LOG_IN).server
        bad, good = frame_of(CommitBuy("u", 1)), frame_of(Ping())
        assert heard(server, [bad + good + good[:5]]) == ([], Code.UNEXPECTED_MESSAGE)
        assert server.buffered_bytes == 0
        assert heard(server, [good]) == ([], Code.UNEXPECTED_MESSAGE)
        assert heard(server, [b""]) == ([], Code.UNEXPECTED_MESSAGE)


class TestFarewell:
    """An Error that answers no id ends the connection, from the server only."""

    @each_state
    def test_a_server_may_say_it_in_every_state_and_stays_where_it_was(self, state: State) -> None:
        pair = ConnectionPair(state)
        farewell = Error(int(Code.TOO_SLOW), "too slow")
        if state in (State.AWAITS_CHALLENGE, State.AWAITS_VERDICT):
            # There an Error also refuses the log-in, and it is the id that tells them apart.
            assert pair.say(Role.SERVER, farewell, NO_ID) == (NO_ID, farewell)
            assert pair.state is State.AWAITS_LOG_IN
        else:
            assert pair.say(Role.SERVER, farewell, NO_ID) == (NO_ID, farewell)
            assert pair.state is state

    def test_a_client_may_not(self) -> None:
        with pytest.raises(LocalProtocolError):
            ConnectionPair(State.OPEN).client.send(Error(1, ""), NO_ID)

    def test_nothing_but_an_error_is_a_farewell(self) -> None:
        with pytest.raises(LocalProtocolError):
            ConnectionPair(State.AWAITS_WELCOME).server.send(Receipt(1, 2), NO_ID)


class TestDrain:
    """A server that drains answers what it took and refuses the rest."""

    def test_requests_on_their_way_are_refused_and_those_before_are_answered(self) -> None:
        pair = ConnectionPair(State.OPEN)
        pair.say(Role.CLIENT, Add("u", 1, 100))
        late = pair.client.send(Add("u", 2, 100), OTHER_ID)
        pair.say(Role.SERVER, Drain(REQUEST_ID), NO_ID)
        [(request_id, refused)] = pair.server.receive(late)
        assert request_id == OTHER_ID
        assert isinstance(refused, Unreadable)
        assert refused.code is Code.DRAINING
        assert pair.say(Role.SERVER, Receipt(1, 2)) == (REQUEST_ID, Receipt(1, 2))

    def test_it_is_said_once(self) -> None:
        with pytest.raises(LocalProtocolError):
            ConnectionPair(State.DRAINING).server.send(Drain(NO_ID))


class TestFramesMadeBefore:
    """What is framed before it may be sent goes out only where the state allows the message."""

    ANSWERS = (frame(Receipt(1, 2), REQUEST_ID), frame(Error(Code.INTERNAL, ""), OTHER_ID))

    @pytest.mark.parametrize("state", [State.OPEN, State.DRAINING])
    def test_a_server_that_is_open_or_drains_may_send_answers(self, state: State) -> None:
        server = ConnectionPair(state).server
        server.send_framed(self.ANSWERS)
        assert server.state is state

    def test_none_is_sent_before_the_client_has_logged_in(self) -> None:
        with pytest.raises(LocalProtocolError, match="SERVER may not send .* AWAITS_HELLO"):
            Connection(Role.SERVER).send_framed(self.ANSWERS)

    def test_a_server_asks_nothing(self) -> None:
        asked = frame(Add("u", 1, 100), REQUEST_ID)
        with pytest.raises(LocalProtocolError, match="SERVER may not send Add in state OPEN"):
            ConnectionPair(State.OPEN).server.send_framed([*self.ANSWERS, asked])


class TestMisuse:
    """What we do wrong ourselves is our error, and changes nothing."""

    def test_a_message_too_long_for_a_frame_leaves_the_state_alone(self) -> None:
        server = ConnectionPair(State.OPEN).server
        with pytest.raises(LocalProtocolError) as caught:
            server.send(Chunk(bytes(FRAME_BYTES_MAX)), REQUEST_ID)
        assert caught.value.code is Code.FRAME_TOO_LONG

    def test_a_hello_that_cannot_be_framed_can_be_said_again(self) -> None:
        client = Connection(Role.CLIENT)
        with pytest.raises(LocalProtocolError):
            client.send(hello("test"), b"short id")
        assert client.state is State.AWAITS_HELLO
        client.send(hello("test"))

    def test_a_command_cannot_be_sent_before_log_in_and_the_error_says_so(self) -> None:
        with pytest.raises(LocalProtocolError, match="CLIENT may not send Buy in .*AWAITS_HELLO"):
            Connection(Role.CLIENT).send(Buy("u", 1, "ABC", 100), REQUEST_ID)

    def test_a_protocol_error_must_say_whose_fault_it_is(self) -> None:
        with pytest.raises(TypeError):
            ProtocolError(Code.BAD_FRAME, "nobody's fault")


class TestVersions:
    """One version is chosen from the client's range, or none."""

    @pytest.mark.parametrize(("version_min", "version_max"), [(1, 1), (0, 1), (1, 7), (0, 7)])
    def test_ours_is_chosen_where_the_client_speaks_it(
        self, version_min: int, version_max: int
    ) -> None:
        assert choose_version(Hello(version_min, version_max, "x")) == 1

    @pytest.mark.parametrize(("version_min", "version_max"), [(0, 0), (2, 7), (3, 0)])
    def test_none_in_common_is_refused(self, version_min: int, version_max: int) -> None:
        with pytest.raises(RemoteProtocolError) as caught:
            choose_version(Hello(version_min, version_max, "x"))
        assert caught.value.code is Code.VERSION_UNSUPPORTED
        assert f"{version_min} to {version_max}" in caught.value.message

    def test_hello_and_welcome_name_this_version_and_the_limits(self) -> None:
        assert hello("me") == Hello(1, 1, "me")
        said = welcome("node-1", 1, 64, 5000)
        assert (said.version, said.server, said.frame_bytes_max) == (1, "node-1", 1 << 20)
        assert (said.outstanding_max, said.heartbeat_ms) == (64, 5000)
