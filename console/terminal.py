"""A person at the console: line editing, history, completion, and one verb after the other.

Used by `console.telnet` and `daytrade console`. What is typed while a verb runs is kept for after
it; nothing that is typed ends in a traceback.
"""

import os.path
from collections.abc import Callable
from typing import Any

from twisted.conch.insults.insults import ServerProtocol
from twisted.conch.recvline import HistoricRecvLine
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from console.status import show_status
from console.tables import wrapped
from console.verbs import Console
from protocol.errors import TradeError

TOP_EVERY_S = 1.0

_CTRL_A, _CTRL_C, _CTRL_D = b"\x01", b"\x03", b"\x04"
_CTRL_E, _CTRL_L, _CTRL_U = b"\x05", b"\x0c", b"\x15"
_BACKSPACE = b"\x08"


class ConsoleTerminal(HistoricRecvLine):
    """One person's session.

    :param record: called with the verb and words of each line before it is carried out.
    """

    log = Logger()
    ps = (b"daytrade> ", b"daytrade> ")
    terminal: Any

    def __init__(
        self,
        clock: IReactorTime,
        console: Console,
        record: Callable[[str, str], None],
        idle_s: float,
    ) -> None:
        self._clock = clock
        self._console = console
        self._record = record
        self._idle_s = idle_s
        self._idle_call: Any = None
        self._asking: Deferred[Any] | None = None
        self._typed_ahead: list[tuple[bytes, bytes]] = []
        self._top: LoopingCall | None = None

    # The life of the session.

    def connectionMade(self) -> None:
        """Greet."""
        super().connectionMade()
        self.keyHandlers |= {
            _CTRL_A: self.handle_HOME,
            _CTRL_C: self._interrupt,
            _CTRL_D: self._end,
            _CTRL_E: self.handle_END,
            _CTRL_L: self._redraw,
            _CTRL_U: self._forget_line,
            _BACKSPACE: self.handle_BACKSPACE,
        }
        self._rest()

    def initializeScreen(self) -> None:
        """Leave what is on the screen, and say how to go on."""
        self.setInsertMode()
        role = self._console.role.value
        self._write([f"DayTrade console, {role}. `help` shows what can be typed."])
        self._prompt()

    def terminalSize(self, width: int, height: int) -> None:
        """Leave the screen as it is: what is shown fits 80 columns."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Ask nothing more."""
        if self._idle_call is not None and self._idle_call.active():
            self._idle_call.cancel()
        self._end_top()
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
        super().connectionLost(reason)

    def _rest(self) -> None:
        """Whoever types is not idle."""
        if self._idle_call is not None and self._idle_call.active():
            self._idle_call.reset(self._idle_s)
        else:
            self._idle_call = self._clock.callLater(self._idle_s, self._idle)

    def _idle(self) -> None:
        self._write(["", "logged out: nothing was typed for a while"])
        self._end()

    def _end(self) -> None:
        self.terminal.loseConnection()

    # Typing.

    def keystrokeReceived(self, keyID: bytes, modifier: Any) -> None:
        """Take a key: now, or when the verb that runs is done."""
        self._rest()
        if self._top is not None:
            if keyID in (b"q", b"Q", _CTRL_C):
                self._end_top()
                self._write([""])
                self._prompt()
        elif self._asking is not None and keyID != _CTRL_C:
            self._typed_ahead.append((keyID, modifier))
        else:
            super().keystrokeReceived(keyID, modifier)

    def handle_TAB(self) -> None:
        """Complete the word as far as there is one way; show the ways where there are several."""
        before, after = self.currentLineBuffer()
        line = before.decode("utf-8", "replace")
        choices = self._console.completions(line)
        if line and " " not in line:
            choices = sorted({*choices, *(w for w in ("top", "quit") if w.startswith(line))})
        begun = line.rpartition(" ")[2]
        common = os.path.commonprefix(choices)
        if len(common) > len(begun) or len(choices) == 1:
            ending = " " if len(choices) == 1 and not after else ""
            for char in common[len(begun) :] + ending:
                self.characterReceived(char.encode(), False)
        elif choices:
            self._write(["", "  ".join(choices)])
            self.drawInputLine()

    def _interrupt(self) -> None:
        asking, self._asking = self._asking, None
        self._typed_ahead.clear()
        if asking is not None:
            asking.cancel()
        self._write(["^C"])
        self._empty_line()
        self._prompt()

    def _forget_line(self) -> None:
        self.terminal.eraseLine()
        self.terminal.cursorBackward(len(self.lineBuffer) + len(self.ps[0]))
        self._empty_line()
        self._prompt()

    def _empty_line(self) -> None:
        self.lineBuffer: list[bytes] = []
        self.lineBufferIndex = 0

    def _redraw(self) -> None:
        self.terminal.eraseDisplay()
        self.terminal.cursorHome()
        self.drawInputLine()

    # Carrying out.

    def lineReceived(self, line: bytes) -> None:
        """Carry out a line."""
        text = line.decode("utf-8", "replace").strip()
        if text:
            verb, _, words = text.partition(" ")
            self._record(verb, words)
        if text == "quit":
            self._end()
        elif text == "top":
            self._begin_top()
        elif text:
            self._begin(text)
        else:
            self._prompt()

    def _begin(self, text: str) -> None:
        asking = self._asking = Deferred.fromCoroutine(self._answer(text))

        def done(shown: list[str] | None) -> None:
            # What was given up may have gone on all the same.
            if self._asking is asking:
                self._asking = None
                self._write(shown or [])
                self._done()

        asking.addErrback(self._broken)
        asking.addCallback(done)

    async def _answer(self, text: str) -> list[str]:
        try:
            verb, answer = await self._console.ask(text)
            return verb.show(answer)
        except TradeError as refusal:
            return wrapped(refusal.message)

    def _broken(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            self.log.failure("the console failed", failure)
            self._write(["this went wrong; it is in the console's log"])

    def _done(self) -> None:
        self._prompt()
        typed, self._typed_ahead = self._typed_ahead, []
        for key, modifier in typed:
            self.keystrokeReceived(key, modifier)

    def _begin_top(self) -> None:
        self._top = LoopingCall(lambda: Deferred.fromCoroutine(self._draw()))
        self._top.clock = self._clock
        self._top.start(TOP_EVERY_S).addErrback(self._broken)

    def _end_top(self) -> None:
        top, self._top = self._top, None
        if top is not None and top.running:
            top.stop()

    async def _draw(self) -> None:
        status = await self._console.status.look()
        if self._top is not None:
            self.terminal.eraseDisplay()
            self.terminal.cursorHome()
            self._write([*show_status(status), "", "q ends this"])

    # Showing.

    def _write(self, lines: list[str]) -> None:
        if lines and self.terminal is not None:
            self.terminal.write(("\n".join(lines) + "\n").encode("utf-8", "replace"))

    def _prompt(self) -> None:
        self.terminal.write(self.ps[self.pn])


def terminal_on(make: Callable[[], ConsoleTerminal]) -> ServerProtocol:
    """The terminal's keys and escapes, for any connection that carries them."""
    return ServerProtocol(make)
