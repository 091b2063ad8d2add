"""The long runs of faults and kills in their short form, each as its make target starts it."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.quote_kills import KINDS
from daytrade.chaos.plan import Action, Part

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

ROOT = Path(__file__).parents[2]
RUN_S_MAX = 180.0


def run(module: str, *arguments: str) -> list[str]:
    """Run one of them to its end, which must be a good one; return its lines."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_under_faults_no_wrong_and_no_stale_price_is_used_and_everybody_is_answered() -> None:
    lines = run("quote_faults", "--seconds", "3", "reset", "wrong-symbol")
    assert [line.split()[0] for line in lines] == ["reset", "wrong-symbol"]
    assert all(line.endswith(": ok") for line in lines)


def test_under_kills_and_freezes_every_trigger_fires_once() -> None:
    assert {(kind.action, kind.part) for kind in KINDS} == {
        (action, part)
        for action in (Action.KILL, Action.FREEZE)
        for part in (Part.QUOTES, Part.TRIGGERS)
    }
    (line,) = run("quote_kills", "--times", "4", "--seed", "2", "--quick")
    assert "twice 0, missed 0" in line
