"""Plants each bug in a copy of the source and runs the short chaos run on it: it must fail.

    python -m tests.planted.trial [WORDS OF A BUG'S NAME...]

The copy without any bug is tried first, and must pass. Prints one line for each bug; the exit code
is 0 only if every bug was caught.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.planted.bugs import BUGS, Bug
from tests.source_tree import ROOT

SHORT_FORM = "tests/e2e/test_chaos.py"
_TRIAL_S_MAX = 240.0
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", "*.egg-info", "__pycache__", ".*_cache"
)
_CAUGHT, _MISSED = "caught", "MISSED"


def passes(bug: Bug | None) -> tuple[bool, str]:
    """Whether the short form passes on a copy with this bug; and what it said first of all."""
    with TemporaryDirectory(prefix="daytrade-planted-", dir="/var/tmp") as name:
        copy = Path(name) / "source"
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
        for edit in () if bug is None else bug.edits:
            edit.apply(copy)
        environment = {**os.environ, "PYTHONPATH": str(copy)}
        words = [sys.executable, "-m", "pytest", "-x", "-q", "-k", "TestShortForm", SHORT_FORM]
        try:
            ran = subprocess.run(
                words, cwd=copy, env=environment, capture_output=True, text=True,
                timeout=_TRIAL_S_MAX, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False, f"not over after {_TRIAL_S_MAX:.0f} s"
    return ran.returncode == 0, first_finding(ran.stdout)


def first_finding(said: str) -> str:
    """What the run found first, in its own words."""
    lines = [line.removeprefix("E").strip() for line in said.splitlines()]
    found = [line for line in lines if line.startswith("WRONG: ")]
    failed = [
        line
        for line in lines
        if line.startswith("daytrade: ") and not line.endswith("it is started again")
    ]
    failed += [line for line in lines if "Error" in line or "TimeoutExpired" in line]
    return next(iter(found + failed), lines[-1] if lines else "")


def main(words: list[str]) -> int:
    """Try what was asked for, everything without words."""
    chosen = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    holds, said = passes(None)
    sys.stdout.write(f"no bug: {'passes' if holds else 'FAILS: ' + said}\n")
    for bug in chosen:
        sys.stdout.flush()
        is_missed, said = passes(bug)
        holds &= not is_missed
        sys.stdout.write(f"{bug.name}: {_MISSED if is_missed else f'{_CAUGHT}: {said}'}\n")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
