"""The course's workload files: lines of text to commands, and back (SPEC section 2).

For the generator and the `daytrade` command. A line becomes either a `Line` or a `Problem` that
names file, line and reason; nothing is skipped in silence, and symbols, users and the range of
amounts are left for the ledger to judge.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from sys import intern
from typing import Any

from msgspec import Struct

from protocol.errors import Code, TradeError
from protocol.messages import COMMANDS, Command, DumpLog
from protocol.money import INT64_MAX, format_cents, parse_amount

LINE_BYTES_MAX = 4096
"""A longer line is a problem of its own and never held in memory as a whole."""

_ARGUMENT_CHARACTERS_MAX = 255
_SHOWN_CHARACTERS_MAX = 40


class Line(Struct, frozen=True, gc=False):
    """One command of a workload; `number` is the `[n]` before it, the transactionNum too."""

    number: int
    command: Command


class Problem(Struct, frozen=True, gc=False):
    """What is wrong with one line; `position` counts the file's lines from 1."""

    file: str
    position: int
    code: Code
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.position}: {self.reason}"


class _Form(Struct, frozen=True, gc=False):
    """How a command is written: its fields in the order of the line."""

    command: type[Command]
    fields: tuple[str, ...]
    ends_with_amount: bool


def _form(command: type[Command]) -> _Form:
    unwritten = ("transaction_num", "before_seq")
    fields = tuple(name for name in command.__struct_fields__ if name not in unwritten)
    return _Form(command, fields, fields[-1] == "amount_cents")


_FORMS = {name: _form(command) for name, command in COMMANDS.items()}


def read_workload(path: Path, *, strict: bool, on_problem: Callable[[Problem], None]) -> list[Line]:
    """Read a whole workload file; see `stream_workload`."""
    return list(stream_workload(path, strict=strict, on_problem=on_problem))


def stream_workload(
    path: Path, *, strict: bool, on_problem: Callable[[Problem], None]
) -> Iterator[Line]:
    """Read a workload file line by line, in constant memory.

    Raises `TradeError` UNREADABLE_FILE where the file cannot be read or is no text; what
    `parse_lines` raises besides.
    """
    return parse_lines(_raw_lines(path), file=str(path), strict=strict, on_problem=on_problem)


def parse_lines(
    raw_lines: Iterable[bytes], *, file: str, strict: bool, on_problem: Callable[[Problem], None]
) -> Iterator[Line]:
    """Turn the lines of a workload, called `file` in problems, into commands.

    When `strict`, the first problem is raised as a `TradeError` with its code; else each goes to
    `on_problem` and reading goes on. A number that does not rise is a problem too, but its line
    is taken.
    """

    def report(position: int, code: Code, reason: str) -> None:
        problem = Problem(file, position, code, reason)
        if strict:
            raise TradeError(code, str(problem))
        on_problem(problem)

    number_before = 0
    for position, raw in enumerate(raw_lines, 1):
        try:
            text = _text(raw, first=position == 1)
            line = parse_line(text) if text and not text.startswith("#") else None
        except TradeError as error:
            report(position, error.code, error.message)
            continue
        if line is None:
            continue
        if line.number <= number_before:
            reason = f"number [{line.number}] comes after [{number_before}]"
            report(position, Code.BAD_LINE, reason)
        number_before = line.number
        yield line


def parse_line(text: str) -> Line:
    """Read one `[n] COMMAND,arg,...`, without the trailing blank and line end.

    Raises `TradeError` BAD_LINE, UNKNOWN_COMMAND, WRONG_ARGUMENTS or BAD_AMOUNT_TEXT.
    """
    head, gap, rest = text.partition("] ")
    if not gap or not head.startswith("["):
        raise TradeError(Code.BAD_LINE, f"{_shown(text)} is not of the form '[n] COMMAND,...'")
    if " " in rest or not (rest.isascii() and rest.isprintable()):
        raise TradeError(Code.BAD_LINE, f"{_shown(rest)} holds a blank or a control character")
    number = _number(head[1:])
    name, *texts = rest.split(",")
    form = _FORMS.get(name)
    if form is None:
        raise TradeError(Code.UNKNOWN_COMMAND, f"{_shown(name)} is not a command")
    if form.command is DumpLog:
        texts = _dumplog_texts(texts)
    if len(texts) != len(form.fields):
        wanted = ",".join(form.fields).replace("_cents", "")
        reason = f"{name} takes {wanted}; {len(texts)} arguments are given"
        raise TradeError(Code.WRONG_ARGUMENTS, reason)
    if len(rest) > _ARGUMENT_CHARACTERS_MAX:
        _check_lengths(texts)
    # A workload names few users and symbols very often: one string for each saves memory.
    values: list[Any] = [intern(text) for text in texts]
    if form.ends_with_amount:
        values[-1] = parse_amount(texts[-1])
    user, *others = values
    return Line(number, form.command(user, number, *others))


def write_line(line: Line, *, last: bool = False) -> str:
    """Write a line in the course's exact form, without its line end.

    All lines but the last of a file end with a blank.
    """
    command = line.command
    form = _FORMS[command.NAME]
    texts = [
        format_cents(getattr(command, field))
        if field == "amount_cents"
        else getattr(command, field)
        for field in form.fields
    ]
    if isinstance(command, DumpLog) and not command.user:
        texts = [command.filename]
    return f"[{line.number}] {command.NAME},{','.join(texts)}{'' if last else ' '}"


def write_lines(lines: Iterable[Line]) -> Iterator[str]:
    """Write a whole workload in the course's exact form, each line with its line end."""
    held: Line | None = None
    for line in lines:
        if held is not None:
            yield write_line(held) + "\n"
        held = line
    if held is not None:
        yield write_line(held, last=True) + "\n"


def _raw_lines(path: Path) -> Iterator[bytes]:
    """Yield the file's lines; one that is too long is cut after the byte that shows it."""
    try:
        with path.open("rb") as stream:
            if b"\0" in stream.peek():
                raise TradeError(Code.UNREADABLE_FILE, f"{path}: a binary file, not a workload")
            while raw := stream.readline(LINE_BYTES_MAX + 1):
                yield raw
                while len(raw) > LINE_BYTES_MAX and not raw.endswith(b"\n"):
                    raw = stream.readline(LINE_BYTES_MAX + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise TradeError(Code.UNREADABLE_FILE, f"{path}: {reason}") from error


def _text(raw: bytes, *, first: bool) -> str:
    """Decode a line and drop its end: LF or CRLF, and one blank before it."""
    if len(raw) > LINE_BYTES_MAX:
        raise TradeError(Code.BAD_LINE, f"longer than {LINE_BYTES_MAX} bytes")
    if first:
        raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError as error:
        reason = f"byte {raw[error.start]:#04x} is not ASCII"
        raise TradeError(Code.BAD_LINE, reason) from error
    text = text.removesuffix("\n").removesuffix("\r")
    return text.removesuffix(" ") if text.strip(" ") else ""


def _number(digits: str) -> int:
    if digits.isascii() and digits.isdigit() and len(digits) <= len(str(INT64_MAX)):
        number = int(digits)
        if 1 <= number <= INT64_MAX:
            return number
    raise TradeError(Code.BAD_LINE, f"{_shown(digits)} is not a line number: 1, 2, 3, ...")


def _dumplog_texts(texts: list[str]) -> list[str]:
    """Give the administrator's `DUMPLOG,file` its empty user, which no line may write out."""
    if len(texts) == 1:
        return ["", *texts]
    if texts[:1] == [""]:
        reason = "DUMPLOG of an empty user; the administrator's names the file alone"
        raise TradeError(Code.WRONG_ARGUMENTS, reason)
    return texts


def _check_lengths(texts: list[str]) -> None:
    for text in texts:
        if len(text) > _ARGUMENT_CHARACTERS_MAX:
            reason = f"{_shown(text)} is longer than {_ARGUMENT_CHARACTERS_MAX} characters"
            raise TradeError(Code.BAD_LINE, reason)


def _shown(text: str) -> str:
    return ascii(
        text if len(text) <= _SHOWN_CHARACTERS_MAX else text[:_SHOWN_CHARACTERS_MAX] + "..."
    )
