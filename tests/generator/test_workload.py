"""Lines of workload files: what is read, and what is reported as which problem."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.workload import (
    Line,
    Problem,
    parse_line,
    parse_lines,
    write_line,
)
from protocol.errors import Code, TradeError
from protocol.messages import (
    COMMANDS,
    Add,
    Buy,
    CommitBuy,
    DisplaySummary,
    DumpLog,
    QuoteRequest,
    SetSellTrigger,
)

_PLAIN_WORDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)


def _read(text: bytes) -> tuple[list[Line], list[Problem]]:
    problems: list[Problem] = []
    lines = parse_lines(
        text.splitlines(keepends=True), file="w", strict=False, on_problem=problems.append
    )
    return list(lines), problems


def _only_problem(text: bytes) -> Problem:
    lines, [problem] = _read(text)
    assert lines == []
    return problem


def _refusal(text: str) -> Code:
    with pytest.raises(TradeError) as caught:
        parse_line(text)
    return caught.value.code


def _never(problem: Problem) -> None:
    raise AssertionError(f"unexpected problem: {problem}")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("[1] ADD,anna,63511.53", Add("anna", 1, 63511_53)),
        ("[2] QUOTE,anna,S", QuoteRequest("anna", 2, "S")),
        ("[3] BUY,anna,ABC,276.8", Buy("anna", 3, "ABC", 276_80)),
        ("[4] COMMIT_BUY,anna", CommitBuy("anna", 4)),
        ("[5] SET_SELL_TRIGGER,anna,ABC,59", SetSellTrigger("anna", 5, "ABC", 59_00)),
        ("[6] DISPLAY_SUMMARY,anna", DisplaySummary("anna", 6)),
        ("[7] DUMPLOG,anna,./out", DumpLog("anna", 7, "./out")),
        ("[8] DUMPLOG,./testLOG", DumpLog("", 8, "./testLOG")),
    ],
)
def test_a_line_becomes_its_command(text: str, command: Add) -> None:
    assert parse_line(text) == Line(command.transaction_num, command)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_all_sixteen_commands_can_be_read_and_written(name: str) -> None:
    fields = [
        f for f in COMMANDS[name].__struct_fields__ if f not in ("transaction_num", "before_seq")
    ]
    texts = {"user": "anna", "symbol": "ABC", "amount_cents": "12.50", "filename": "f"}
    text = f"[9] {name},{','.join(texts[field] for field in fields)}"
    assert isinstance(parse_line(text).command, COMMANDS[name])
    assert write_line(parse_line(text), last=True) == text


def test_a_negative_amount_is_read_for_the_ledger_to_refuse() -> None:
    assert parse_line("[1] ADD,anna,-73280.58").command == Add("anna", 1, -73280_58)


def test_what_only_the_ledger_may_judge_is_passed_as_written() -> None:
    """A symbol of four letters and an impossible user name get numbered refusals there."""
    assert parse_line("[1] QUOTE,a/b!,abcd").command == QuoteRequest("a/b!", 1, "abcd")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ADD,anna,5.00", Code.BAD_LINE),
        ("[1]ADD,anna,5.00", Code.BAD_LINE),
        ("1] ADD,anna,5.00", Code.BAD_LINE),
        ("[x] ADD,anna,5.00", Code.BAD_LINE),
        ("[] ADD,anna,5.00", Code.BAD_LINE),
        ("[0] ADD,anna,5.00", Code.BAD_LINE),
        ("[-1] ADD,anna,5.00", Code.BAD_LINE),
        ("[9223372036854775808] ADD,anna,5.00", Code.BAD_LINE),
        ("[1]  ADD,anna,5.00", Code.BAD_LINE),
        ("[1] ADD,an na,5.00", Code.BAD_LINE),
        ("[1] ADD,an\tna,5.00", Code.BAD_LINE),
        ("[1] ADD,änna,5.00", Code.BAD_LINE),
        ("[1] ADD,anna,5.00  ", Code.BAD_LINE),
        (f"[1] ADD,{'a' * 256},5.00", Code.BAD_LINE),
        ("[1] HOLD,anna,5.00", Code.UNKNOWN_COMMAND),
        ("[1] add,anna,5.00", Code.UNKNOWN_COMMAND),
        ("[1] ", Code.UNKNOWN_COMMAND),
        ("[1] ADD", Code.WRONG_ARGUMENTS),
        ("[1] ADD,anna", Code.WRONG_ARGUMENTS),
        ("[1] ADD,anna,5.00,", Code.WRONG_ARGUMENTS),
        ("[1] COMMIT_BUY,anna,ABC", Code.WRONG_ARGUMENTS),
        ("[1] DUMPLOG", Code.WRONG_ARGUMENTS),
        ("[1] DUMPLOG,anna,f,g", Code.WRONG_ARGUMENTS),
        ("[1] ADD,anna,5.001", Code.BAD_AMOUNT_TEXT),
        ("[1] ADD,anna,5e3", Code.BAD_AMOUNT_TEXT),
        ("[1] ADD,anna,", Code.BAD_AMOUNT_TEXT),
    ],
)
def test_anything_else_is_refused_with_its_code(text: str, code: Code) -> None:
    assert _refusal(text) is code


def test_nobody_gets_the_administrators_log_by_an_empty_user() -> None:
    """An empty user on the wire means everybody's log, so a line may not spell it out."""
    assert _refusal("[1] DUMPLOG,,./testLOG") is Code.WRONG_ARGUMENTS


def test_the_longest_argument_that_the_wire_carries_is_taken() -> None:
    user = "a" * 255
    assert parse_line(f"[1] COMMIT_BUY,{user}").command == CommitBuy(user, 1)


def test_the_largest_number_is_taken() -> None:
    assert parse_line("[9223372036854775807] COMMIT_BUY,anna").number == 2**63 - 1


@pytest.mark.parametrize(
    "text",
    [
        b"[1] COMMIT_BUY,anna \n[2] DUMPLOG,f\n",
        b"[1] COMMIT_BUY,anna\n[2] DUMPLOG,f\n",
        b"[1] COMMIT_BUY,anna \n[2] DUMPLOG,f",
        b"[1] COMMIT_BUY,anna \r\n[2] DUMPLOG,f\r\n",
        b"\n[1] COMMIT_BUY,anna \n \n\r\n[2] DUMPLOG,f\n\n",
        b"# a comment\n[1] COMMIT_BUY,anna \n#\n[2] DUMPLOG,f\n",
        b"\xef\xbb\xbf[1] COMMIT_BUY,anna \n[2] DUMPLOG,f\n",
    ],
)
def test_files_met_in_the_wild_are_taken(text: bytes) -> None:
    """No trailing blank, no final newline, CRLF, empty lines, comments, a byte order mark."""
    expected = [Line(1, CommitBuy("anna", 1)), Line(2, DumpLog("", 2, "f"))]
    assert _read(text) == (expected, [])


def test_a_byte_order_mark_is_only_taken_at_the_start() -> None:
    lines, problems = _read(b"[1] DUMPLOG,f\n\xef\xbb\xbf[2] DUMPLOG,f\n")
    assert [line.number for line in lines] == [1]
    assert [problem.position for problem in problems] == [2]


def test_a_problem_names_file_line_and_reason_and_reading_goes_on() -> None:
    lines, [problem] = _read(b"# first\n[1] HOLD,anna \n[2] COMMIT_BUY,anna \n")
    assert str(problem) == "w:2: 'HOLD' is not a command"
    assert [line.number for line in lines] == [2]


def test_a_long_text_is_shown_cut() -> None:
    assert str(_only_problem(b"[1] " + b"X" * 300)) == f"w:1: '{'X' * 40}...' is not a command"


def test_wrong_arguments_say_what_is_wanted() -> None:
    reason = _only_problem(b"[1] BUY,anna,ABC\n").reason
    assert reason == "BUY takes user,symbol,amount; 2 arguments are given"


def test_strict_stops_at_the_first_problem_and_names_it() -> None:
    raw = [b"[1] COMMIT_BUY,anna\n", b"[2] HOLD\n", b"[3] COMMIT_BUY,anna\n"]
    lines = parse_lines(raw, file="w", strict=True, on_problem=_never)
    assert next(lines).number == 1
    with pytest.raises(TradeError) as caught:
        next(lines)
    assert caught.value.code is Code.UNKNOWN_COMMAND
    assert caught.value.message == "w:2: 'HOLD' is not a command"


@pytest.mark.parametrize("second", [1, 2])
def test_a_number_that_does_not_rise_is_reported_but_its_line_is_taken(second: int) -> None:
    """One number out of order is one problem, not one for each line after it."""
    numbers = [2, second, second + 1]
    text = "".join(f"[{number}] COMMIT_BUY,anna\n" for number in numbers)
    lines, [problem] = _read(text.encode())
    assert [line.number for line in lines] == numbers
    assert (problem.position, problem.code) == (2, Code.BAD_LINE)
    assert problem.reason == f"number [{second}] comes after [2]"


def test_a_gap_in_the_numbers_is_no_problem() -> None:
    lines, problems = _read(b"[5] COMMIT_BUY,anna\n[9] COMMIT_BUY,anna\n")
    assert ([line.number for line in lines], problems) == ([5, 9], [])


def test_strict_stops_at_a_number_that_does_not_rise() -> None:
    raw = [b"[1] COMMIT_BUY,anna\n"] * 2
    with pytest.raises(TradeError, match=re.escape("w:2: number [1] comes after [1]")):
        list(parse_lines(raw, file="w", strict=True, on_problem=_never))


def _almost_lines() -> st.SearchStrategy[bytes]:
    """Texts near enough to the form to get past the first checks, often all of them."""
    number = st.one_of(st.integers(-1, 2**64).map(str), _PLAIN_WORDS)
    name = st.one_of(st.sampled_from(sorted(COMMANDS)), _PLAIN_WORDS)
    amount = st.decimals(-10, 10**12, places=2).map(str)
    arguments = st.lists(st.one_of(_PLAIN_WORDS, amount), max_size=4)
    parts = st.tuples(number, name, arguments, st.sampled_from(["", " ", "\r", " \r\n", "\n"]))
    return parts.map(lambda p: f"[{p[0]}] {','.join([p[1], *p[2]])}{p[3]}".encode())


@given(st.one_of(st.binary(max_size=60), st.text(max_size=40).map(str.encode), _almost_lines()))
def test_any_line_is_a_command_or_one_problem_or_nothing_to_do(raw: bytes) -> None:
    problems: list[Problem] = []
    lines = list(parse_lines([raw], file="w", strict=False, on_problem=problems.append))
    empty = not raw.removeprefix(b"\xef\xbb\xbf").strip(b" \r\n")
    comment = raw.removeprefix(b"\xef\xbb\xbf").startswith(b"#")
    assert len(lines) + len(problems) == 1 or ((empty or comment) and not lines)
    assert all(1100 < problem.code < 1200 and problem.position == 1 for problem in problems)


@given(_almost_lines())
def test_what_was_written_is_read_as_the_same_line(raw: bytes) -> None:
    for line in parse_lines([raw], file="w", strict=False, on_problem=lambda _: None):
        written = write_line(line)
        assert [*parse_lines([written.encode()], file="w", strict=True, on_problem=_never)] == [
            line
        ]
