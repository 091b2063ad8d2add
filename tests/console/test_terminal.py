"""A person at the terminal: editing, history, completion, verbs in a row, top, the end."""

import re

import pytest
from twisted.internet.protocol import connectionDone
from twisted.internet.testing import StringTransport

from console.settings import ConsoleSettings
from console.terminal import ConsoleTerminal, terminal_on
from tests.console.premises import SystemInMemory

UP, LEFT, CTRL_C, CTRL_D, CTRL_U = b"\x1b[A", b"\x1b[D", b"\x03", b"\x04", b"\x15"
PROMPT = "daytrade> "
IDLE_S = ConsoleSettings().idle_s
_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|c|[0-9])")


class Seat:
    """A terminal with somebody at it.

    :ivar typed: the lines that were written down.
    """

    def __init__(self, system: SystemInMemory, name: str = "root") -> None:
        self.system = system
        self.typed: list[tuple[str, str]] = []
        self.transport = StringTransport()
        console = system.console(name)
        self._protocol = terminal_on(
            lambda: ConsoleTerminal(
                system.clock,
                console,
                lambda verb, words: self.typed.append((verb, words)),
                IDLE_S,
            )
        )
        self._protocol.makeConnection(self.transport)

    def type(self, keys: bytes) -> str:
        """Type keys, give what they begin some time, and return what was shown."""
        self.transport.clear()
        self._protocol.dataReceived(keys)
        self.system.clock.pass_time(1)
        return self.seen

    @property
    def seen(self) -> str:
        """What was shown since the last keys, without the cursor's movements."""
        return _ESCAPE.sub("", self.transport.value().decode()).replace("\r\n", "\n")

    def leave(self) -> None:
        """Go away."""
        self._protocol.connectionLost(connectionDone)


@pytest.fixture
def seat(system: SystemInMemory) -> Seat:
    return Seat(system)


def test_it_greets_with_the_role_and_a_prompt(seat: Seat) -> None:
    assert "DayTrade console, administrator" in seat.seen
    assert seat.seen.endswith(PROMPT)


def test_a_line_is_carried_out_and_the_prompt_comes_back(seat: Seat) -> None:
    shown = seat.type(b"user ann\r")
    assert "cash 850.00  reserve 150.00" in shown
    assert shown.endswith(PROMPT)
    assert seat.typed == [("user", "ann")]


def test_a_wrong_line_gets_a_hint_and_no_traceback(seat: Seat) -> None:
    shown = seat.type(b"dance\r")
    assert "no verb 'dance'" in shown
    assert "Traceback" not in shown
    assert shown.endswith(PROMPT)


def test_what_no_keyboard_types_does_no_harm(seat: Seat) -> None:
    shown = seat.type(bytes(range(0x80, 0x100)) + b"\x1b[99~\x1bO\xff\r")
    assert "Traceback" not in shown
    assert "750" not in shown
    assert seat.type(b"\rhelp drain\r").endswith(PROMPT)


def test_an_empty_line_is_no_line(seat: Seat) -> None:
    assert seat.type(b"\r").endswith(PROMPT)
    assert seat.typed == []


def test_a_line_can_be_edited(seat: Seat) -> None:
    seat.type(b"ser ann" + LEFT * 7 + b"u\r")
    assert seat.typed == [("user", "ann")]
    seat.type(b"nonsense" + CTRL_U + b"users\r")
    assert seat.typed[-1] == ("users", "")
    seat.type(b"dancX\x7f\x08\x7f\x7f\x7fhelp drain\r")
    assert seat.typed[-1] == ("help", "drain")


def test_earlier_lines_come_back(seat: Seat) -> None:
    seat.type(b"user ann\r")
    seat.type(b"users\r")
    seat.type(UP + UP + b"\r")
    assert seat.typed[-1] == ("user", "ann")


def test_a_word_is_completed_and_where_there_are_several_they_are_shown(seat: Seat) -> None:
    assert "status" in seat.type(b"stat\t")
    seat.type(b"\r")
    assert seat.typed == [("status", "")]
    assert "user  users" in seat.type(b"us\t\t")
    seat.type(CTRL_U + b"drain n\t2\r")
    assert seat.typed[-1] == ("drain", "node-2")


def test_what_is_typed_while_a_verb_runs_is_carried_out_after_it(seat: Seat) -> None:
    shown = seat.type(b"status\rhelp drain\r")
    assert seat.typed == [("status", ""), ("help", "drain")]
    assert shown.index("audit lag") < shown.index("drain NODE")


def test_ctrl_c_gives_up_what_runs_and_what_was_typed(seat: Seat) -> None:
    shown = seat.type(b"status\r" + CTRL_C)
    assert "audit lag" not in shown
    assert "^C" in shown
    seat.type(b"users" + CTRL_C + b"help drain\r")
    assert seat.typed[-1] == ("help", "drain")


def test_top_refreshes_until_q(seat: Seat) -> None:
    shown = seat.type(b"top\r")
    assert "q ends this" in shown
    seat.transport.clear()
    seat.system.clock.pass_time(3)
    assert seat.seen.count("q ends this") >= 2
    assert seat.type(b"q").endswith(PROMPT)
    seat.transport.clear()
    seat.system.clock.pass_time(3)
    assert seat.seen == ""


@pytest.mark.parametrize("keys", [b"quit\r", CTRL_D])
def test_who_leaves_is_let_go_and_nothing_goes_on(seat: Seat, keys: bytes) -> None:
    seat.type(keys)
    assert seat.transport.disconnecting
    seat.leave()
    seat.system.clock.pass_time(1)


def test_who_goes_away_during_top_stops_it(seat: Seat) -> None:
    seat.type(b"top\r")
    seat.leave()
    seat.transport.clear()
    seat.system.clock.pass_time(5)
    assert seat.seen == ""


def test_who_types_nothing_for_long_is_logged_out(seat: Seat) -> None:
    seat.system.clock.pass_time(IDLE_S - 5, 5.0)
    seat.type(b"\r")
    seat.system.clock.pass_time(IDLE_S - 5, 5.0)
    assert not seat.transport.disconnecting
    seat.system.clock.pass_time(10, 5.0)
    assert seat.transport.disconnecting


def test_an_operator_is_told_what_is_not_for_operators(system: SystemInMemory) -> None:
    seat = Seat(system, "olga")
    assert "config is for the administrator alone" in seat.type(b"config\r")
