"""How far a run has come: a bar on a terminal, a line every few seconds in a pipe.

For the driver and the `daytrade` command. No timer and no thread: what is shown moves when
`advance` is called, and the clock passed in tells how fast.
"""

from typing import IO, Protocol

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress
from twisted.internet.interfaces import IReactorTime

_BAR_INTERVAL_S = 0.1
_LINE_INTERVAL_S = 2.0


class Progress(Protocol):
    """Is told of commands done, and shows it."""

    def advance(self, commands: int) -> None:
        """Count so many more commands as done."""

    def finish(self) -> None:
        """Show the last state; nothing may be called after that."""


def progress_on(console: Console, clock: IReactorTime, total: int) -> Progress:
    """Return a progress display for `total` commands that suits the console, now at zero."""
    if console.is_terminal:
        return BarProgress(console, clock, total)
    return LineProgress(console.file, clock, total)


class _Pace:
    """Counts, and tells when it is time to show something again."""

    __slots__ = ("_clock", "_interval_s", "_shown_s", "_started_s", "done", "total")

    def __init__(self, clock: IReactorTime, total: int, interval_s: float) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._started_s = self._shown_s = clock.seconds()
        self.done = 0
        self.total = total

    def advance(self, commands: int) -> bool:
        """Count, and return whether the display is due."""
        self.done += commands
        now_s = self._clock.seconds()
        due = now_s - self._shown_s >= self._interval_s
        if due:
            self._shown_s = now_s
        return due

    def __str__(self) -> str:
        elapsed_s = self._clock.seconds() - self._started_s
        part = self.done / self.total if self.total else 1.0
        text = f"{self.done:,} of {self.total:,} commands ({part:.0%})"
        if not self.done or elapsed_s <= 0:
            return text
        rate = self.done / elapsed_s
        if self.done >= self.total:
            return f"{text}, {rate:,.0f}/s, took {_minutes(elapsed_s)}"
        return f"{text}, {rate:,.0f}/s, {_minutes((self.total - self.done) / rate)} left"


class LineProgress:
    """A line of text every two seconds, and one at the end."""

    __slots__ = ("_pace", "_stream")

    def __init__(self, stream: IO[str], clock: IReactorTime, total: int) -> None:
        self._stream = stream
        self._pace = _Pace(clock, total, _LINE_INTERVAL_S)

    def advance(self, commands: int) -> None:
        """Count so many more commands as done."""
        if self._pace.advance(commands):
            self._write()

    def finish(self) -> None:
        """Write where the run ended."""
        self._write()

    def _write(self) -> None:
        self._stream.write(f"{self._pace}\n")
        self._stream.flush()


class BarProgress:
    """A bar with rate and time left, drawn anew ten times a second at most."""

    __slots__ = ("_bar", "_pace", "_task_id")

    def __init__(self, console: Console, clock: IReactorTime, total: int) -> None:
        self._pace = _Pace(clock, total, _BAR_INTERVAL_S)
        self._bar = RichProgress(
            BarColumn(),
            TextColumn("{task.description}"),
            console=console,
            auto_refresh=False,
            get_time=clock.seconds,
        )
        self._task_id = self._bar.add_task(str(self._pace), total=total)
        self._bar.start()

    def advance(self, commands: int) -> None:
        """Count so many more commands as done."""
        if self._pace.advance(commands):
            self._draw()

    def finish(self) -> None:
        """Draw the bar where the run ended and leave it standing."""
        self._draw()
        self._bar.stop()

    def _draw(self) -> None:
        self._bar.update(
            self._task_id, completed=self._pace.done, description=str(self._pace), refresh=True
        )


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
