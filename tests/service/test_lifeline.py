"""A daemon answers for its health on its lifeline, and ends with whoever holds the other end."""

import pytest
from twisted.internet.testing import StringTransport

from protocol.messages import Health
from service.lifeline import Lifeline, answer_of, trouble_in

WELL = Health(True, "")
ILL = Health(False, "the disk\nis full")


def asked(line: bytes, health: Health | None) -> bytes:
    """What a daemon of that health says to a line."""
    lifeline = Lifeline(lambda: None, None if health is None else lambda: health)
    transport = StringTransport()
    lifeline.makeConnection(transport)
    lifeline.dataReceived(line)
    said: bytes = transport.value()
    return said


@pytest.mark.parametrize(
    ("health", "answer"), [(WELL, b"well\n"), (ILL, b"unwell the disk is full\n")]
)
def test_the_question_is_answered_with_one_line(health: Health, answer: bytes) -> None:
    assert asked(b"health\n", health) == answer


def test_a_daemon_that_was_not_told_where_to_answer_says_nothing() -> None:
    assert asked(b"health\n", None) == b""


def test_nothing_else_is_answered() -> None:
    assert asked(b"wealth\n\n", WELL) == b""


def test_the_end_of_the_line_is_the_end_of_the_daemon() -> None:
    ended = []
    lifeline = Lifeline(lambda: ended.append(True), lambda: WELL)
    lifeline.makeConnection(StringTransport())
    lifeline.connectionLost()
    assert ended == [True]


def test_an_answer_tells_the_trouble_to_whoever_asked() -> None:
    assert trouble_in(answer_of(WELL)) == ""
    assert trouble_in(answer_of(ILL)) == "the disk is full"
