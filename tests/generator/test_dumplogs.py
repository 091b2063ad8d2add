"""Where a DUMPLOG is written: never outside the folder, and never two sendings in one file."""

from pathlib import Path

import pytest

from generator.dumplogs import DumpLogs
from protocol.messages import DumpLog


def dumplog(filename: str) -> DumpLog:
    return DumpLog("anna", 1, filename)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("testLOG", "testLOG"),
        ("./testLOG", "testLOG"),
        ("/etc/passwd", "passwd"),
        ("../../up", "up"),
        ("a/b/../c", "c"),
        ("..", "dumplog"),
        ("a/..", "dumplog"),
        (".", "dumplog"),
        ("/", "dumplog"),
    ],
)
def test_a_file_lies_in_the_folder_whatever_the_workload_names(
    tmp_path: Path, filename: str, expected: str
) -> None:
    assert DumpLogs(tmp_path).path_of(dumplog(filename)) == tmp_path / expected


def test_without_a_folder_the_parts_are_thrown_away() -> None:
    logs = DumpLogs(None)
    assert logs.path_of(dumplog("testLOG")) is None
    logs.begin(dumplog("testLOG"))(b"part")
    logs.close()


def test_the_parts_are_joined(tmp_path: Path) -> None:
    logs = DumpLogs(tmp_path)
    take = logs.begin(dumplog("log"))
    for part in (b"<log>", b"", b"</log>"):
        take(part)
    logs.close()
    assert (tmp_path / "log").read_bytes() == b"<log></log>"


def test_a_log_begun_anew_holds_nothing_of_the_first_try_not_even_late_parts(
    tmp_path: Path,
) -> None:
    logs = DumpLogs(tmp_path)
    first = logs.begin(dumplog("log"))
    first(b"a long first try")
    second = logs.begin(dumplog("log"))
    second(b"sec")
    first(b"too late")
    second(b"ond")
    logs.close()
    second(b"later still")
    assert (tmp_path / "log").read_bytes() == b"second"


def test_logs_of_different_names_do_not_mix(tmp_path: Path) -> None:
    logs = DumpLogs(tmp_path)
    one, two = logs.begin(dumplog("one")), logs.begin(dumplog("two"))
    one(b"1")
    two(b"2")
    one(b"1")
    logs.close()
    assert ((tmp_path / "one").read_bytes(), (tmp_path / "two").read_bytes()) == (b"11", b"2")
