"""What is wrong with a log, a ledger or a reply reaches the list of problems, a line each."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from audit.database import Addition, Database
from audit.findings import FindingKind
from audit.replay import Balance
from daytrade.local_run import LocalReport
from daytrade.verification import (
    LedgerState,
    LogReport,
    check_log,
    check_replies,
    is_valid_log,
    read_ledger,
    write_log,
)
from generator.history_check import Disagreement, Firing
from generator.play import Answered
from generator.result import Outcome, RunResult
from ledger.account import Account, Side
from ledger.entry import Cause
from ledger.memory_store import MemoryLedger, MemoryStore
from ledger.store import Stream
from protocol.messages import Add, Receipt, SetSellTrigger
from tests.audit.journal import Journal, journal
from tests.generator.true_history import T_MS, true_history
from tests.service.links import outcome_of

STREAM = "node-1/0"


@pytest.fixture(scope="module")
def made() -> Journal:
    """A journal in which much happens."""
    return journal(7, 1_500)


@pytest.fixture
def path(made: Journal, tmp_path: Path) -> Path:
    """The audit daemon's file with the whole journal in it."""
    return stored(tmp_path / "audit.sqlite", made.encoded)


def stored(path: Path, entries: list[bytes]) -> Path:
    database = Database(path)
    assert database.add([Addition(STREAM, 1, entries)]) == [len(entries)]
    database.close()
    return path


def ledger_of(made: Journal) -> LedgerState:
    """The ledger that fits the journal."""
    return LedgerState({STREAM: len(made.entries)}, made.ledger)


def problems(
    log: LogReport, result: RunResult | None = None, disagreements: list[Disagreement] | None = None
) -> list[str]:
    return LocalReport(result or RunResult(), log, disagreements or []).problems


class TestLogAndLedger:
    def test_a_whole_log_that_equals_its_ledger_is_no_problem(
        self, made: Journal, path: Path
    ) -> None:
        report = check_log(path, ledger_of(made))
        assert problems(report) == []
        hits = {entry.quote for entry in made.entries if entry.quote is not None}
        assert report.hits_told == len(hits)
        assert 0 < report.legacy_hits_minimum <= report.hits_told

    def test_the_firings_are_told_by_user_in_the_order_of_the_log(
        self, made: Journal, path: Path
    ) -> None:
        expected: dict[str, list[Firing]] = {}
        for entry in made.entries:
            if entry.cause is Cause.FIRING:
                side = Side.SELL if entry.kind == SetSellTrigger.KIND else Side.BUY
                fired = Firing(side.value, entry.symbol, entry.price_cents, entry.decided_ms)
                expected.setdefault(entry.user, []).append(fired)
        assert len(expected) > 1
        assert {each.side for told in expected.values() for each in told} == {"buy", "sell"}
        assert check_log(path, ledger_of(made)).firings == expected

    def test_a_cent_too_many_in_the_ledger_is_found_in_entries_and_in_xml(
        self, made: Journal, path: Path
    ) -> None:
        ledger = ledger_of(made)
        money = ledger.balances["ann"].money
        money = replace(money, cash_cents=money.cash_cents + 1)
        ledger.balances["ann"] = replace(ledger.balances["ann"], money=money)
        found = problems(check_log(path, ledger))
        assert len(found) == 2
        assert all(each.startswith(f"{FindingKind.WRONG_MONEY.value}: ann: ") for each in found)

    def test_a_share_that_is_not_in_the_log_is_found(self, made: Journal, path: Path) -> None:
        ledger = ledger_of(made)
        ledger.balances["zoe"] = Balance(holdings={"ABC": 1})
        [found] = problems(check_log(path, ledger))
        assert found.startswith(f"{FindingKind.WRONG_SHARES.value}: zoe: ")

    def test_entries_that_never_reached_the_log_are_missed(
        self, made: Journal, tmp_path: Path
    ) -> None:
        path = stored(tmp_path / "cut", made.encoded[:-1])
        found = problems(check_log(path, ledger_of(made)))
        assert f"an entry of a stream is missing: {STREAM}: " in found[0]

    def test_a_log_without_an_entry_in_the_middle_is_missed(
        self, made: Journal, tmp_path: Path
    ) -> None:
        place = next(n for n, each in enumerate(made.entries) if n > 300 and each.movements)
        path = stored(tmp_path / "gap", made.encoded[:place] + made.encoded[place + 1 :])
        kinds = {finding.kind for finding in check_log(path, ledger_of(made)).findings}
        assert FindingKind.MISSING_DECISION in kinds
        assert FindingKind.WRONG_SHARES in kinds


class TestOtherProblems:
    @pytest.fixture
    def log(self) -> LogReport:
        """A log without any fault."""
        return LogReport([], 0, 0, 0, {})

    def test_a_reply_that_no_oracle_expects(self, log: LogReport) -> None:
        disagreement = Disagreement("ann", 7, None, "a lapse", "nothing")
        assert problems(log, disagreements=[disagreement]) == [
            "oracle: ann 7: expected a lapse, got nothing"
        ]

    def test_an_outcome_that_nobody_knows(self, log: LogReport) -> None:
        result = RunResult()
        result.record("ADD", Outcome.UNKNOWN, 0)
        result.final_dumplog.record(Outcome.UNKNOWN, 0)
        assert problems(log, result) == ["2 commands have an unknown outcome"]

    def test_a_dumplog_that_is_none(self, log: LogReport) -> None:
        result = RunResult()
        assert problems(log, result) == []
        result.dumplog_valid = False
        assert problems(log, result) == ["a DUMPLOG does not validate"]


class TestReplies:
    @pytest.fixture
    def answered(self) -> Iterator[list[Answered]]:
        """A true day of one user, answers in whatever order they came."""
        yield [Answered(*exchange) for exchange in reversed(true_history().exchanges)]

    def test_true_replies_are_as_the_oracle_expects(self, answered: list[Answered]) -> None:
        assert check_replies(answered, {"u": true_history().firings}, set()) == []

    def test_a_false_reply_is_a_disagreement(self, answered: list[Answered]) -> None:
        answered[-1] = Answered(Add("u", 1, 1000), Receipt(1, T_MS, total_cents=999))
        [found] = check_replies(answered, {"u": true_history().firings}, set())
        assert (found.user, found.seq) == ("u", 1)

    def test_a_firing_that_the_log_does_not_tell_of_is_a_disagreement(
        self, answered: list[Answered]
    ) -> None:
        assert check_replies(answered, {}, set()) != []

    def test_of_users_with_unknown_outcomes_nothing_is_judged(
        self, answered: list[Answered]
    ) -> None:
        assert check_replies(answered, {}, {"u"}) == []

    def test_what_no_account_can_be_named_for_is_passed_over(self) -> None:
        answered = [Answered(Add("no blanks", 1, 1000), Receipt(1, T_MS, total_cents=1))]
        assert check_replies(answered, {}, set()) == []


class TestFiles:
    def test_a_written_log_is_valid_and_counts_its_records(
        self, path: Path, tmp_path: Path
    ) -> None:
        xml = tmp_path / "log.xml"
        with xml.open("wb") as target:
            records = write_log(path, "", target)
        assert records == xml.read_bytes().count(b"<timestamp>") > 600
        assert is_valid_log(xml)

    def test_a_users_log_holds_that_users_records_alone(self, path: Path, tmp_path: Path) -> None:
        xml = tmp_path / "ann.xml"
        with xml.open("wb") as target:
            write_log(path, "ann", target)
        commands = re.findall("<userCommand>.*?</userCommand>", xml.read_text())
        assert commands
        assert all("<username>ann</username>" in command for command in commands)

    @pytest.mark.parametrize("text", ["", "<log>", "<log><userCommand/></log>", "no XML"])
    def test_what_is_no_log_is_not_valid(self, tmp_path: Path, text: str) -> None:
        xml = tmp_path / "xml"
        xml.write_text(text)
        assert not is_valid_log(xml)

    def test_a_log_that_is_not_there_is_not_valid(self, tmp_path: Path) -> None:
        assert not is_valid_log(tmp_path / "nothing")


class StoreInPages(MemoryStore):
    """Notes each page of accounts that is asked for."""

    def __init__(self, ledger: MemoryLedger) -> None:
        super().__init__(ledger)
        self.pages: list[str] = []

    async def accounts_after(self, user: str, limit: int) -> list[Account]:
        self.pages.append(user)
        return await super().accounts_after(user, limit)


def test_the_whole_ledger_is_read_however_many_accounts_it_has() -> None:
    ledger = MemoryLedger(lambda: T_MS)
    ledger.streams["node-1/0"] = Stream("node-1/0", 1, 1, 42, T_MS)
    for number in range(2_500):
        account = ledger.accounts[f"user-{number}"] = Account(f"user-{number}")
        account.cash_cents = number
    store = StoreInPages(ledger)
    [state] = outcome_of(read_ledger(store))
    assert isinstance(state, LedgerState)
    assert state.positions == {"node-1/0": 42}
    cash = {user: balance.money.cash_cents for user, balance in state.balances.items()}
    assert cash == {f"user-{number}": number for number in range(2_500)}
    assert len(store.pages) == 4
