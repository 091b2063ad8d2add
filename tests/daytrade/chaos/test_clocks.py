"""A process's clock jumps while it is told to, and no longer."""

from pathlib import Path

import pytest

from daytrade.chaos import clocks
from daytrade.chaos.clocks import WallClocks
from daytrade.errors import StackError


def test_a_clock_that_jumped_is_right_again_afterwards(tmp_path: Path) -> None:
    offset = tmp_path / "node-1.offset"
    wall_clocks = WallClocks(tmp_path)
    with wall_clocks.jumped("node-1", -3600):
        assert offset.read_text() == "-3600\n"
    assert offset.read_text() == "+0\n"
    with pytest.raises(ZeroDivisionError), wall_clocks.jumped("node-1", 3600):
        assert offset.read_text() == "+3600\n"
        _ = 1 // 0
    assert offset.read_text() == "+0\n"


def test_each_process_has_a_clock_of_its_own_and_a_true_one_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "faketime_library", lambda: Path("/lib/faketime.so"))
    environments = WallClocks(tmp_path).environment_of(["node-1", "audit"])
    files = {Path(each["FAKETIME_TIMESTAMP_FILE"]) for each in environments.values()}
    assert len(files) == 2
    assert {file.read_text() for file in files} == {"+0\n"}
    assert environments["audit"]["LD_PRELOAD"] == "/lib/faketime.so"
    assert environments["audit"]["FAKETIME_DONT_FAKE_MONOTONIC"] == "1"


def test_without_the_library_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "faketime_library", lambda: None)
    with pytest.raises(StackError, match="apt-get install faketime"):
        WallClocks(tmp_path).environment_of(["node-1"])
