"""A person with a real telnet client, in a pseudo-terminal.

For the end-to-end tests only.
"""

import os
import pty
import re
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE_S = 20.0
_ESCAPE = re.compile(rb"\x1b(\[[0-9;?]*[A-Za-z]|c|[0-9])")
PROMPT = "daytrade> "


class TelnetClient:
    """`telnet 127.0.0.1 PORT`, and what it shows."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._shown = b""

    def see(self, text: str) -> str:
        """Wait until the text is shown, and return what was shown up to it."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while text.encode() not in (shown := _ESCAPE.sub(b"", self._shown)):
            left_s = deadline_s - time.monotonic()
            readable, _, _ = select.select([self._terminal], [], [], max(0.0, left_s))
            assert readable, f"never saw {text!r} in {self._shown!r}"
            self._shown += os.read(self._terminal, 1 << 16)
        before, _, after = shown.partition(text.encode())
        self._shown = after
        return (before + text.encode()).decode("utf-8", "replace").replace("\r", "")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._terminal, keys.encode())

    def log_in(self, name: str, password: str) -> None:
        """Answer both questions."""
        self.see("Username: ")
        self.type(f"{name}\r")
        self.see("Password: ")
        self.type(f"{password}\r")

    def ask(self, line: str) -> str:
        """Type a line, and return what is shown until the prompt is back."""
        self.type(f"{line}\r")
        self.see("\n")
        return self.see(PROMPT)


@contextmanager
def telnet(port: int) -> Iterator[TelnetClient]:
    """A telnet client of this machine's own."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execvp("telnet", ["telnet", "127.0.0.1", str(port)])
    try:
        yield TelnetClient(terminal)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
