"""Whatever is changed in the log or in the ledger is found, and the first bad record is named.

`make tamper` tries a thousand edits, the suite fewer (RELIABILITY R16).
"""

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest
from twisted.internet.defer import Deferred, execute

from audit.heads import HeadKey
from daytrade.tamper_check import Verdict, verify
from ledger.memory_store import MemoryStore
from tests.daytrade.tampering import Stage, edit_bytes, edit_ledger, edit_rows, make_stage
from tests.service.links import outcome_of

T = TypeVar("T")

EDITS = int(os.environ.get("TAMPER_EDITS", "90"))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A log and a ledger that nobody has touched."""
    return make_stage(tmp_path_factory.mktemp("stage"))


def at_once(work: Callable[[], T]) -> Deferred[T]:
    """No thread: the work is done where it is asked for."""
    return execute(work)


def verdict_on(stage: Stage) -> Verdict:
    """What is found wrong with a log and its ledger."""
    store = MemoryStore(stage.ledger)
    (verdict,) = outcome_of(verify(at_once, store, stage.book, stage.key_path, stage.path))
    assert isinstance(verdict, Verdict), verdict
    return verdict


def test_nothing_is_wrong_with_what_nobody_has_touched(stage: Stage, tmp_path: Path) -> None:
    verdict = verdict_on(stage.copied(tmp_path / "audit.sqlite"))
    assert verdict.findings == []
    assert verdict.signed_row == verdict.rows > 30
    assert verdict.heads > 3


@pytest.mark.parametrize("seed", range(EDITS))
def test_an_edit_is_found_and_the_record_it_touched_is_named(
    stage: Stage, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    edited = stage.copied(tmp_path / "audit.sqlite")
    edit = (edit_rows, edit_bytes, edit_ledger)[seed % 3]
    touched = edit(edited, random)
    findings = verdict_on(edited).findings
    assert findings, touched
    assert any(touched in f"{finding.where}: {finding.what}" for finding in findings), (
        touched,
        findings,
    )


def test_heads_signed_with_another_key_do_not_pass(stage: Stage, tmp_path: Path) -> None:
    copied = stage.copied(tmp_path / "audit.sqlite")
    other = HeadKey.ensure(tmp_path / "other.pem")
    copied.book.heads = [other.sign(signed.head) for signed in copied.book.heads]
    assert any("our key" in finding.what for finding in verdict_on(copied).findings)


def test_a_log_without_any_head_does_not_pass(stage: Stage, tmp_path: Path) -> None:
    copied = stage.copied(tmp_path / "audit.sqlite")
    copied.book.heads.clear()
    assert any("signed" in finding.what for finding in verdict_on(copied).findings)
