"""Progress: lines in a pipe, a bar on a terminal, and the clock decides when."""

from io import StringIO

from rich.console import Console
from twisted.internet.task import Clock

from generator.progress import BarProgress, LineProgress, progress_on


def _after(clock: Clock, progress: LineProgress | BarProgress, steps: int, step_s: float) -> None:
    """Let a hundred commands be done every `step_s` seconds."""
    for _ in range(steps):
        clock.advance(step_s)
        progress.advance(100)


def test_a_pipe_gets_a_line_every_two_seconds_and_one_at_the_end() -> None:
    clock, stream = Clock(), StringIO()
    progress = LineProgress(stream, clock, 1000)
    _after(clock, progress, steps=10, step_s=0.5)
    progress.finish()
    assert stream.getvalue().splitlines() == [
        "400 of 1,000 commands (40%), 200/s, 0:03 left",
        "800 of 1,000 commands (80%), 200/s, 0:01 left",
        "1,000 of 1,000 commands (100%), 200/s, took 0:05",
    ]


def test_long_runs_are_told_in_minutes() -> None:
    clock, stream = Clock(), StringIO()
    progress = LineProgress(stream, clock, 100_000)
    clock.advance(10)
    progress.advance(1_000)
    assert stream.getvalue() == "1,000 of 100,000 commands (1%), 100/s, 16:30 left\n"


def test_a_run_that_ends_early_says_how_far_it_came() -> None:
    clock, stream = Clock(), StringIO()
    progress = LineProgress(stream, clock, 1000)
    _after(clock, progress, steps=1, step_s=1.0)
    progress.finish()
    assert stream.getvalue() == "100 of 1,000 commands (10%), 100/s, 0:09 left\n"


def test_no_rate_is_made_up_where_nothing_was_done_or_no_time_has_gone() -> None:
    clock, stream = Clock(), StringIO()
    idle = LineProgress(stream, clock, 1000)
    clock.advance(5)
    idle.finish()
    LineProgress(stream, clock, 0).finish()
    instant = LineProgress(stream, clock, 10)
    instant.advance(10)
    instant.finish()
    assert stream.getvalue().splitlines() == [
        "0 of 1,000 commands (0%)",
        "0 of 0 commands (100%)",
        "10 of 10 commands (100%)",
    ]


def _terminal() -> Console:
    return Console(file=StringIO(), force_terminal=True, width=100, color_system=None)


def _shown(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_terminal_gets_a_bar_with_rate_and_time_left() -> None:
    clock, console = Clock(), _terminal()
    progress = BarProgress(console, clock, 1000)
    _after(clock, progress, steps=5, step_s=1.0)
    assert "━" in _shown(console)
    assert "500 of 1,000 commands (50%), 100/s, 0:05 left" in _shown(console)
    progress.finish()


def test_the_bar_is_drawn_ten_times_a_second_at_most_and_once_more_at_the_end() -> None:
    clock, console = Clock(), _terminal()
    progress = BarProgress(console, clock, 1000)
    _after(clock, progress, steps=1, step_s=0.25)
    drawn = _shown(console)
    _after(clock, progress, steps=3, step_s=0.0)
    assert _shown(console) == drawn
    progress.finish()
    assert "400 of 1,000 commands (40%)" in _shown(console)


def test_the_console_decides_between_bar_and_lines() -> None:
    pipe = Console(file=StringIO())
    clock = Clock()
    assert isinstance(progress_on(pipe, clock, 10), LineProgress)
    bar = progress_on(_terminal(), clock, 10)
    assert isinstance(bar, BarProgress)
    bar.finish()
    assert _shown(pipe) == ""


def test_progress_asks_nothing_of_the_clock_but_the_time() -> None:
    """No timer is left behind for anybody to cancel."""
    clock = Clock()
    for console in (Console(file=StringIO()), _terminal()):
        progress = progress_on(console, clock, 10)
        progress.advance(1)
        progress.finish()
    assert clock.getDelayedCalls() == []
