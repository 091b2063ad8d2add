"""How the console shows things: plain columns, at most 80 of them, stable enough for scripts.

Pure. What is shown was made elsewhere.
"""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from protocol.money import format_cents

WIDTH = 80
_NUMBER = re.compile(r"-?[0-9.]*")


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of aligned columns, numbers to the right; a line that is too long is cut."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        return ["(none)"]
    widths = [
        max(len(title), *(len(row[place]) for row in cells)) for place, title in enumerate(titles)
    ]
    to_the_right = [
        all(_NUMBER.fullmatch(row[place]) for row in cells) for place in range(len(titles))
    ]
    lines = [_line(titles, widths, to_the_right)]
    return lines + [_line(row, widths, to_the_right) for row in cells]


def _line(cells: Sequence[str], widths: Sequence[int], to_the_right: Sequence[bool]) -> str:
    parts = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, to_the_right, strict=True)
    ]
    return cut("  ".join(parts).rstrip())


def cut(line: str) -> str:
    """A line that fits; what was cut off is told by a `>`."""
    printable = "".join(char if char.isprintable() else "?" for char in line)
    return printable if len(printable) <= WIDTH else printable[: WIDTH - 1] + ">"


def wrapped(text: str) -> list[str]:
    """A long text over several lines, broken between words where it can be."""
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False) or [""]


def pairs(values: Mapping[str, object]) -> list[str]:
    """One value on a line, after its name."""
    width = max((len(name) for name in values), default=0)
    return [cut(f"{name.ljust(width)}  {_plain(value)}") for name, value in values.items()]


def _plain(value: object) -> object:
    return "" if value is None else value


def money(cents: int) -> str:
    """An amount, as people write it."""
    return format_cents(cents)


def at(time_ms: int) -> str:
    """A time of day, UTC; nothing for 0."""
    if not time_ms:
        return ""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%H:%M:%S}.{time_ms % 1000:03d}"


def lasting(seconds_s: float) -> str:
    """A duration in at most two units."""
    whole = round(seconds_s)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02d}h"
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{seconds:02d}s" if minutes else f"{seconds}s"


def away(answers: Mapping[str, Any]) -> list[str]:
    """A line for each daemon that could not tell."""
    return [cut(f"{name}: {answer['away']}") for name, answer in answers.items() if is_away(answer)]


def is_away(answer: Any) -> bool:
    """Whether this stands for the answer of a daemon that could not tell."""
    return isinstance(answer, dict) and "away" in answer
