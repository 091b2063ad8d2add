"""The demo says that something is proved only if it holds, and ends with 0 only if all is."""

import pytest

from audit.findings import Finding, FindingKind
from daytrade.demo import tell_proofs
from daytrade.local_run import LocalReport
from daytrade.verification import LogReport
from generator.history_check import Disagreement, Firing
from generator.result import Outcome, RunResult

FIRING = Firing("buy", "ABC", 10_00, 1)
FINDING = Finding(FindingKind.MISSING_ENTRY, "node-1/0", "it should reach 7")


@pytest.fixture
def report() -> LocalReport:
    """A run as it should be."""
    result = RunResult()
    result.record("ADD", Outcome.ACCEPTED, 1)
    result.dumplog_valid = True
    return LocalReport(result, LogReport([], 2, 1, 1, {"ann": [FIRING]}), [])


def test_a_run_as_it_should_be_proves_everything(
    report: LocalReport, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell_proofs(report) == 0
    told = capsys.readouterr()
    assert told.out.count("  ok  ") == 6
    assert "NO" not in told.out
    assert "1 triggers fired by themselves, each once" in told.out
    assert told.err == ""


def test_an_unknown_outcome_is_no_proof(
    report: LocalReport, capsys: pytest.CaptureFixture[str]
) -> None:
    report.result.final_dumplog.record(Outcome.UNKNOWN, 0)
    assert tell_proofs(report) == 1
    assert "  NO  every command answered" in capsys.readouterr().out


def test_a_reply_that_the_oracle_did_not_expect_is_no_proof(
    report: LocalReport, capsys: pytest.CaptureFixture[str]
) -> None:
    report.disagreements.append(Disagreement("ann", 1, None, "this", "that"))
    assert tell_proofs(report) == 1
    told = capsys.readouterr()
    assert "  NO  every reply is what an independent model of the rules expects" in told.out
    assert told.err == "WRONG: oracle: ann 1: expected this, got that\n"


def test_a_finding_is_no_proof(report: LocalReport, capsys: pytest.CaptureFixture[str]) -> None:
    report.log.findings.append(FINDING)
    assert tell_proofs(report) == 1
    told = capsys.readouterr()
    assert "  NO  the log is whole" in told.out
    assert "  NO  replaying the log gives the ledger" in told.out
    assert "WRONG: an entry of a stream is missing: node-1/0: it should reach 7" in told.err


@pytest.mark.parametrize("verdict", [False, None])
def test_a_log_that_is_not_valid_or_was_not_looked_at_is_no_proof(
    report: LocalReport, capsys: pytest.CaptureFixture[str], verdict: bool | None
) -> None:
    report.result.dumplog_valid = verdict
    assert tell_proofs(report) == 1
    assert "  NO  the log is valid by its XML schema" in capsys.readouterr().out


def test_triggers_that_did_not_fire_prove_nothing(
    report: LocalReport, capsys: pytest.CaptureFixture[str]
) -> None:
    report.log.firings.clear()
    assert tell_proofs(report) == 1
    assert "  NO  0 triggers fired by themselves" in capsys.readouterr().out


def test_of_very_many_problems_the_first_ones_are_shown(
    report: LocalReport, capsys: pytest.CaptureFixture[str]
) -> None:
    report.log.findings.extend([FINDING] * 500)
    assert tell_proofs(report) == 1
    assert len(capsys.readouterr().err.splitlines()) == 20
