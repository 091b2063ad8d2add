"""The planted bugs fit the source, so that they can be tried when somebody wants to."""

from pathlib import Path

import pytest

from tests.planted.bugs import BUGS, Bug, Edit
from tests.planted.trial import first_finding
from tests.source_tree import ROOT


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_fits_the_source_and_leaves_it_python(bug: Bug, tmp_path: Path) -> None:
    for edit in bug.edits:
        copy = tmp_path / edit.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((ROOT / edit.path).read_text())
        edit.apply(tmp_path)
        if copy.suffix == ".py":
            compile(copy.read_text(), edit.path, "exec")


def test_what_does_not_fit_exactly_once_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\nx = 1\n")
    for before in ("x = 1\n", "y"):
        with pytest.raises(ValueError, match=r"a\.py has"):
            Edit("a.py", before, "").apply(tmp_path)


def test_the_first_thing_found_is_told() -> None:
    said = "E         WRONG: a command is in the ledger twice: BUY 7 of ann: 2 entries\nE   assert"
    assert first_finding(said).startswith("WRONG: a command is in the ledger twice")
    assert first_finding("E  subprocess.TimeoutExpired: after 60 s").endswith("after 60 s")
    ended = "E  daytrade: node-1 ended (exit code 1); it is started again"
    assert first_finding(f"{ended}\nE  daytrade: no node has been up") == (
        "daytrade: no node has been up"
    )
    assert first_finding("") == ""
