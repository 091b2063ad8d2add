"""Workload files as a whole: unreadable ones, long ones, and the course's exact form back."""

from pathlib import Path

import pytest

from generator.workload import (
    LINE_BYTES_MAX,
    Line,
    Problem,
    read_workload,
    stream_workload,
    write_lines,
)
from protocol.errors import Code, TradeError
from protocol.messages import (
    Add,
    CommitBuy,
    DumpLog,
)

_REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"
_REAL_FILES = ("1userWorkLoad", "2userWorkLoad", "10User_testWorkLoad")


def _never(problem: Problem) -> None:
    raise AssertionError(f"unexpected problem: {problem}")


def test_an_overlong_line_is_one_problem_and_the_next_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_bytes(b"[1] " + b"x" * (3 * LINE_BYTES_MAX) + b"\n[2] COMMIT_BUY,anna\n")
    problems: list[Problem] = []
    lines = read_workload(path, strict=False, on_problem=problems.append)
    assert lines == [Line(2, CommitBuy("anna", 2))]
    assert [(problem.position, problem.code) for problem in problems] == [(1, Code.BAD_LINE)]


def _unreadable(path: Path) -> str:
    """Unreadable is final: there is nothing to go on with, strict or not."""
    with pytest.raises(TradeError) as caught:
        read_workload(path, strict=False, on_problem=_never)
    assert caught.value.code is Code.UNREADABLE_FILE
    return caught.value.message


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "none"
    assert _unreadable(path) == f"{path}: No such file or directory"


def test_a_directory_is_unreadable(tmp_path: Path) -> None:
    assert _unreadable(tmp_path) == f"{tmp_path}: Is a directory"


def test_a_binary_file_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"\x7fELF\x02\x01\x01\x00\x00\x00")
    assert _unreadable(path) == f"{path}: a binary file, not a workload"


def test_an_error_of_the_reporter_is_not_mistaken_for_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_bytes(b"nonsense\n")

    def report_into_a_closed_pipe(problem: Problem) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        read_workload(path, strict=False, on_problem=report_into_a_closed_pipe)


def test_streaming_gives_a_line_before_it_reads_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_bytes(b"[1] COMMIT_BUY,anna\nnonsense\n")
    lines = stream_workload(path, strict=True, on_problem=_never)
    assert next(lines) == Line(1, CommitBuy("anna", 1))
    with pytest.raises(TradeError):
        next(lines)


def test_all_lines_but_the_last_are_written_with_a_blank() -> None:
    lines = [
        Line(1, Add("anna", 1, 5)),
        Line(2, CommitBuy("anna", 2)),
        Line(3, DumpLog("", 3, "f")),
    ]
    assert (
        "".join(write_lines(lines)) == "[1] ADD,anna,0.05 \n[2] COMMIT_BUY,anna \n[3] DUMPLOG,f\n"
    )


def test_an_empty_workload_is_written_as_nothing() -> None:
    assert list(write_lines([])) == []


@pytest.mark.parametrize("name", _REAL_FILES)
def test_the_real_files_are_read_and_written_back_byte_for_byte(name: str) -> None:
    path = _REFERENCE / name
    if not path.exists():
        pytest.skip("the course's files are not here")
    lines = read_workload(path, strict=True, on_problem=_never)
    assert "".join(write_lines(lines)).encode() == path.read_bytes()
