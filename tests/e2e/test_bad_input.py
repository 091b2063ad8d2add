"""Whatever a client sends, it gets a numbered answer, and everybody else is served as before."""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import uuid4

import pytest

from protocol.errors import Code
from protocol.fields import NO_ID
from protocol.framing import FRAME_BYTES_MAX, encode_frame
from protocol.messages import (
    Add,
    Append,
    Buy,
    CancelBuy,
    CancelSell,
    CancelSetBuy,
    CancelSetSell,
    Command,
    CommitBuy,
    CommitSell,
    DumpLog,
    Error,
    Hello,
    LogInProof,
    QuoteRequest,
    Receipt,
    Refused,
    Sell,
    SetBuyAmount,
    SetBuyTrigger,
    SetSellAmount,
    SetSellTrigger,
    Summary,
)
from protocol.money import INT64_MAX
from service.credentials import read_credential
from tests.e2e.client import Client, HungUp
from tests.e2e.stack import RunningStack
from tests.protocol.pair import frame_of

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

_ID = bytes(range(1, 17))
_AMOUNT_MAX = 10_000_000_000_00
_UNKNOWN_KIND = 0xEE


class Holdings(NamedTuple):
    """What a summary shows, without what every look at it changes."""

    cash_cents: int
    reserve_cents: int
    holdings: object


@pytest.fixture(scope="module", autouse=True)
def bystander(stack: RunningStack) -> Iterator[str]:
    """Somebody whose account stays as it is, whatever others send."""
    name = f"bystander-{uuid4().hex}"
    with stack.client() as client:
        client.ask(Add(name, 1, 500_00))
        before = _kept(client.summary(name))
        yield name
        assert _kept(client.summary(name)) == before
    with stack.client("node-2") as client:
        assert _kept(client.summary(name)) == before


def _kept(summary: Summary) -> Holdings:
    return Holdings(summary.cash_cents, summary.reserve_cents, summary.holdings)


def _refused_by_the_rules(user: str) -> list[tuple[Command, Code]]:
    """For a user with $1,000.00, or one that nobody knows."""
    nobody = f"nobody-{user}"
    return [
        (Buy(nobody, 2, "ABC", 10_00), Code.UNKNOWN_USER),
        (CommitBuy(nobody, 2), Code.UNKNOWN_USER),
        (SetSellTrigger(nobody, 2, "ABC", 10_00), Code.UNKNOWN_USER),
        (Add("no blanks", 2, 10_00), Code.BAD_USER),
        (Add("", 2, 10_00), Code.BAD_USER),
        (Add("u" * 65, 2, 10_00), Code.BAD_USER),
        (Add(user, 2, 0), Code.BAD_AMOUNT),
        (Add(user, 2, -1), Code.BAD_AMOUNT),
        (Add(user, 2, _AMOUNT_MAX + 1), Code.BAD_AMOUNT),
        (Add(user, 2, INT64_MAX), Code.BAD_AMOUNT),
        (Buy(user, 2, "ABC", 0), Code.BAD_AMOUNT),
        (Buy(user, 2, "ABC", -5_00), Code.BAD_AMOUNT),
        (Buy(user, 2, "ABCD", 10_00), Code.BAD_SYMBOL),
        (QuoteRequest(user, 2, "A1"), Code.BAD_SYMBOL),
        (QuoteRequest(user, 2, ""), Code.BAD_SYMBOL),
        (Buy(user, 2, "ABC", 1_000_01), Code.INSUFFICIENT_FUNDS),
        (SetBuyAmount(user, 2, "ABC", 1_000_01), Code.INSUFFICIENT_FUNDS),
        (Buy(user, 2, "ABC", 1), Code.AMOUNT_TOO_SMALL_FOR_A_SHARE),
        (Sell(user, 2, "ABC", 500_00), Code.INSUFFICIENT_HOLDING),
        (SetSellAmount(user, 2, "ABC", 500_00), Code.INSUFFICIENT_HOLDING),
        (CommitBuy(user, 2), Code.NO_PENDING_BUY),
        (CancelBuy(user, 2), Code.NO_PENDING_BUY),
        (CommitSell(user, 2), Code.NO_PENDING_SELL),
        (CancelSell(user, 2), Code.NO_PENDING_SELL),
        (SetBuyTrigger(user, 2, "ABC", 10_00), Code.NO_BUY_AMOUNT),
        (CancelSetBuy(user, 2, "ABC"), Code.NO_BUY_AMOUNT),
        (SetSellTrigger(user, 2, "ABC", 10_00), Code.NO_SELL_AMOUNT),
        (CancelSetSell(user, 2, "ABC"), Code.NO_SELL_AMOUNT),
        (DumpLog(user, 2, ""), Code.BAD_FILENAME),
        (DumpLog(user, 2, "a\nb"), Code.BAD_FILENAME),
    ]


def test_what_the_rules_forbid_is_refused_by_number_and_changes_nothing(
    stack: RunningStack, client: Client, user: str
) -> None:
    stack.tell_double("price ABC 5.00")
    for command, code in _refused_by_the_rules(user):
        reply = client.ask(command)
        assert isinstance(reply, Refused), command
        assert Code(reply.code) is code, command
    assert _kept(client.summary(user)) == Holdings(1_000_00, 0, [])


class Bad(NamedTuple):
    """Bytes that a logged-in client should not send, and the answer to them."""

    sent: bytes
    code: Code
    is_the_end: bool = False


_BAD_FRAMES = {
    "unknown kind": Bad(encode_frame(_UNKNOWN_KIND, _ID, b"\x90"), Code.UNKNOWN_KIND),
    "unreadable body": Bad(encode_frame(Add.KIND, _ID, b"\xc1 no MessagePack"), Code.BAD_BODY),
    "too few fields": Bad(encode_frame(Add.KIND, _ID, b"\x91\xa1u"), Code.BAD_BODY),
    "line number zero": Bad(frame_of(Add("u", 0, 1), _ID), Code.BAD_BODY),
    "second hello": Bad(frame_of(Hello(1, 1, "again"), _ID), Code.UNEXPECTED_MESSAGE),
    "proof without a log-in": Bad(frame_of(LogInProof("p"), _ID), Code.UNEXPECTED_MESSAGE),
    "a server's message": Bad(frame_of(Receipt(1, 1), _ID), Code.UNEXPECTED_MESSAGE),
    "another service's request": Bad(frame_of(Append("s", 1, []), _ID), Code.UNKNOWN_KIND),
    "second hello without id": Bad(
        frame_of(Hello(1, 1, "again"), NO_ID), Code.UNEXPECTED_MESSAGE, is_the_end=True
    ),
    "frame too long": Bad(FRAME_BYTES_MAX.to_bytes(4, "big"), Code.FRAME_TOO_LONG, is_the_end=True),
    "length of nothing": Bad(bytes(8), Code.BAD_FRAME, is_the_end=True),
    "text": Bad(b"GET / HTTP/1.1\r\n\r\n", Code.FRAME_TOO_LONG, is_the_end=True),
}


@pytest.mark.parametrize("bad", _BAD_FRAMES.values(), ids=_BAD_FRAMES.keys())
def test_a_bad_frame_is_answered_and_the_next_command_carried_out(
    stack: RunningStack, client: Client, user: str, bad: Bad
) -> None:
    """The next command comes from the same client where the connection goes on, else another's."""
    with stack.client() as offender:
        offender.say_bytes(bad.sent)
        answered_id, error = offender.hear()
        assert isinstance(error, Error)
        assert Code(error.code) is bad.code
        assert answered_id == (NO_ID if bad.is_the_end else _ID)
        if bad.is_the_end:
            with pytest.raises(HungUp):
                offender.hear()
        else:
            assert isinstance(offender.ask(Add(user, 2, 1)), Receipt)
    assert isinstance(client.ask(Add(user, 3, 1)), Receipt)


_BEFORE_LOG_IN = {
    "a command": Bad(frame_of(Add("u", 1, 1), _ID), Code.UNEXPECTED_MESSAGE),
    "unknown kind": Bad(encode_frame(_UNKNOWN_KIND, _ID, b"\x90"), Code.UNKNOWN_KIND),
    "garbage": Bad(b"\xff" * 64, Code.FRAME_TOO_LONG),
}


@pytest.mark.parametrize("bad", _BEFORE_LOG_IN.values(), ids=_BEFORE_LOG_IN.keys())
def test_before_the_log_in_nothing_bad_is_put_up_with(
    stack: RunningStack, client: Client, user: str, bad: Bad
) -> None:
    with Client(stack.port()) as offender:
        offender.greet()
        offender.say_bytes(bad.sent)
        answered_id, error = offender.hear()
        assert isinstance(error, Error)
        assert (answered_id, Code(error.code)) == (NO_ID, bad.code)
        with pytest.raises(HungUp):
            offender.hear()
    assert isinstance(client.ask(Add(user, 2, 1)), Receipt)


def test_a_version_of_the_future_is_refused(stack: RunningStack) -> None:
    with Client(stack.port()) as offender:
        offender.say(Hello(7, 9, "future"))
        _, error = offender.hear()
        assert isinstance(error, Error)
        assert error.code == Code.VERSION_UNSUPPORTED


@pytest.mark.parametrize("name", ["workload", "administrator", "nobody-at-all"])
def test_a_wrong_password_is_refused_alike_whoever_it_was_for(
    stack: RunningStack, name: str
) -> None:
    credential = read_credential(stack.secret("workload"))
    with Client(stack.port()) as offender:
        offender.greet()
        refusal = offender.log_in(name, "wrong")
        assert isinstance(refusal, Error)
        assert (Code(refusal.code), refusal.message) == (
            Code.LOGIN_FAILED,
            "the name or the password is wrong",
        )
        assert offender.log_in(credential.name, credential.password) == "workload"
