"""Who may send what, and when: the table on the page, walked through at both ends."""

import pytest

from protocol.connection import Unreadable
from protocol.errors import Code, LocalProtocolError, RemoteProtocolError
from protocol.messages import Message
from protocol.states import REFUSED_WHILE_DRAINING, Role, State
from tests.protocol.document import examples, transitions
from tests.protocol.pair import PATH, REQUEST_ID, ConnectionPair, frame_of

ALLOWED = transitions()
SAMPLES = {type(example.message): example.message for example in examples()}
LOGGED_IN = (State.OPEN, State.DRAINING)

each_state = pytest.mark.parametrize("state", State, ids=lambda state: state.name)
each_sender = pytest.mark.parametrize("sender", Role, ids=lambda role: role.name)


def next_on_page(state: State, sender: Role, message: Message) -> str | None:
    """The state that the page names after this message, or None where it forbids it."""
    return ALLOWED.get((state.name, sender.name.lower(), type(message).__name__))


def test_the_way_in_leads_through_every_state_at_both_ends() -> None:
    pair = ConnectionPair()
    for sender, message, state in PATH:
        assert pair.say(sender, message) == (REQUEST_ID, message)
        assert pair.state is state
    assert [State.AWAITS_HELLO, *(state for _, _, state in PATH)] == list(State)


@each_state
@each_sender
def test_what_the_page_allows_takes_both_ends_to_the_state_it_names(
    state: State, sender: Role
) -> None:
    for message in SAMPLES.values():
        after = next_on_page(state, sender, message)
        if after is None:
            continue
        pair = ConnectionPair(state)
        request_id, event = pair.say(sender, message)
        assert request_id == REQUEST_ID
        assert pair.state.name == after
        if state is State.DRAINING and type(message) in REFUSED_WHILE_DRAINING:
            assert isinstance(event, Unreadable)
            assert event.code is Code.DRAINING
        else:
            assert event == message


@each_state
@each_sender
def test_what_the_page_forbids_cannot_be_sent(state: State, sender: Role) -> None:
    for message in SAMPLES.values():
        if next_on_page(state, sender, message) is None:
            pair = ConnectionPair(state)
            with pytest.raises(LocalProtocolError) as caught:
                pair.end(sender).send(message, REQUEST_ID)
            assert caught.value.code is Code.UNEXPECTED_MESSAGE
            assert pair.state is state


@each_state
@each_sender
def test_what_the_page_forbids_is_not_taken_when_it_comes(state: State, sender: Role) -> None:
    """Only a logged-in client is told and may go on."""
    for message in SAMPLES.values():
        if next_on_page(state, sender, message) is not None:
            continue
        pair = ConnectionPair(state)
        receiver = pair.end(sender.peer)
        if sender is Role.CLIENT and state in LOGGED_IN:
            [(request_id, event)] = receiver.receive(frame_of(message))
            assert request_id == REQUEST_ID
            assert isinstance(event, Unreadable)
            assert event.code is Code.UNEXPECTED_MESSAGE
        else:
            with pytest.raises(RemoteProtocolError) as caught:
                list(receiver.receive(frame_of(message)))
            assert caught.value.code is Code.UNEXPECTED_MESSAGE
        assert pair.state is state
