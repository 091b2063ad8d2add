"""The checker finds nothing in a true run, and each planted error under its own name."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from audit.reading import StoredEntry
from audit.replay import Balance
from generator.exactly_once import Fault, LedgerView, Verdict, judge
from generator.history import Exchange
from generator.result import Outcome
from ledger.entry import Action, Cause, Entry, Posting, reply_of
from protocol.errors import Code
from protocol.fields import account_name
from protocol.messages import (
    COMMANDS,
    Add,
    AmountCommand,
    Command,
    DisplaySummary,
    DumpLog,
    Error,
    Receipt,
    Refused,
    Summary,
    SymbolCommand,
)
from tests.audit.journal import START_MS, journal

STREAM = "node-1/0"


def command_of(entry: Entry) -> Command:
    """The command that an entry recorded."""
    kind = COMMANDS[entry.name]
    arguments: list[str | int] = []
    if issubclass(kind, SymbolCommand):
        arguments.append(entry.symbol)
    if issubclass(kind, AmountCommand | Add):
        arguments.append(entry.amount_cents)
    if kind is DumpLog:
        arguments.append(entry.filename)
    return kind(entry.user, entry.transaction_num, *arguments)


def exchange_of(entry: Entry) -> Exchange:
    """What the client saw of an entry's command."""
    command, reply = command_of(entry), reply_of(entry)
    outcome = Outcome.REFUSED if isinstance(reply, Refused) else Outcome.ACCEPTED
    shown: Receipt | Refused | Summary = reply
    if isinstance(command, DisplaySummary) and isinstance(reply, Receipt):
        shown = Summary(entry.seq, entry.decided_ms, True, 0, 0, [], [], [], [], 0)
    at_ms = entry.decided_ms
    return Exchange(entry.command_id, command, at_ms - 5, outcome, shown, at_ms + 5)


@dataclass
class Run:
    """A run of some users, true until a test spoils it."""

    entries: list[Entry] = field(default_factory=lambda: journal(7, 600).entries)

    def __post_init__(self) -> None:
        self.history = [exchange_of(e) for e in self.entries if e.cause is Cause.COMMAND]
        self.log = list(self.entries)
        self.position = len(self.entries)
        self.versions: dict[str, int] = {}
        self.balances: dict[str, Balance] = {}
        for entry in self.entries:
            account = account_name(entry.user)
            self.versions[account] = entry.seq
            self.balances.setdefault(account, Balance()).apply(entry)

    def place(self, fits: Callable[[Entry], bool]) -> int:
        """Where the first entry stands that fits, some way into the run."""
        return next(n for n, entry in enumerate(self.entries) if n > 50 and fits(entry))

    def exchange(self, place: int) -> Exchange:
        """What the client saw of the entry at this place."""
        command_id = self.entries[place].command_id
        return next(each for each in self.history if each.command_id == command_id)

    def verdict(self) -> Verdict:
        """What the checker says."""
        ledger = LedgerView(
            {STREAM: self.entries}, {STREAM: self.position}, self.versions, self.balances
        )
        log = [StoredEntry(STREAM, number, e, False) for number, e in enumerate(self.log, 1)]
        return judge(self.history, ledger, log)

    def kinds(self) -> set[Fault]:
        """The kinds of what the checker found."""
        return {finding.kind for finding in self.verdict().findings}


@pytest.fixture
def run() -> Run:
    return Run()


def is_accepted_add(entry: Entry) -> bool:
    return entry.name == "ADD" and entry.code is Code.OK and bool(account_name(entry.user))


def is_refused(entry: Entry) -> bool:
    return entry.code is not Code.OK and bool(account_name(entry.user))


class TestTrueRuns:
    def test_nothing_is_found_and_everything_counted(self, run: Run) -> None:
        verdict = run.verdict()
        assert verdict.findings == []
        assert verdict.acknowledged == len(run.history) == 600
        assert verdict.refused == sum(e.code is not Code.OK for e in run.entries)
        assert verdict.fired == sum(e.cause is Cause.FIRING for e in run.entries) > 0
        assert (verdict.unresolved, verdict.lost, verdict.doubled) == (0, 0, 0)

    def test_an_unanswered_command_may_be_carried_out_or_not(self, run: Run) -> None:
        seen = run.exchange(run.place(is_accepted_add))
        seen.outcome, seen.reply = Outcome.UNKNOWN, None
        run.history.append(Exchange(b"never arrived...", Add("ann", 999, 1), START_MS))
        verdict = run.verdict()
        assert verdict.findings == []
        assert (verdict.unresolved, verdict.carried_out_unseen) == (2, 1)

    def test_an_error_of_the_protocol_leaves_no_trace(self, run: Run) -> None:
        error = Error(Code.NOT_PERMITTED, "no")
        refused = Exchange(
            b"not permitted...", Add("ann", 999, 1), START_MS, Outcome.REFUSED, error
        )
        run.history.append(refused)
        assert run.kinds() == set()


class TestPlantedErrors:
    def test_an_acknowledged_command_that_the_ledger_lost(self, run: Run) -> None:
        run.history.append(
            Exchange(
                *(b"acknowledged....", Add("ann", 999, 1), START_MS, Outcome.ACCEPTED),
                *(Receipt(9_999, START_MS), START_MS),
            )
        )
        verdict = run.verdict()
        assert [finding.kind for finding in verdict.findings] == [Fault.LOST]
        assert verdict.lost == 1

    def test_a_row_dropped_from_the_journal(self, run: Run) -> None:
        del run.entries[run.place(is_accepted_add)]
        kinds = run.kinds()
        assert {Fault.LOST, Fault.GAP, Fault.NOT_LOGGED} <= kinds

    def test_a_command_carried_out_twice(self, run: Run) -> None:
        first = run.entries[run.place(is_accepted_add)]
        account = account_name(first.user)
        again = replace(first, seq=run.versions[account] + 1)
        run.entries.append(again)
        run.log.append(again)
        run.position += 1
        run.versions[account] += 1
        run.balances[account].apply(again)
        assert run.kinds() == {Fault.DOUBLED}

    def test_a_posting_doubled(self, run: Run) -> None:
        place = run.place(is_accepted_add)
        entry = run.entries[place]
        run.entries[place] = run.log[place] = replace(entry, postings=entry.postings * 2)
        assert run.kinds() == {Fault.NOT_THE_SUM}

    def test_a_cent_changed_in_an_account(self, run: Run) -> None:
        run.balances["ann"].money.cash_cents += 1
        assert run.kinds() == {Fault.NOT_THE_SUM}

    def test_a_cent_changed_in_an_entry(self, run: Run) -> None:
        place = run.place(is_accepted_add)
        entry = run.entries[place]
        run.entries[place] = replace(entry, total_cents=entry.total_cents + 1)
        assert run.kinds() == {Fault.WRONG_REPLY, Fault.NOT_LOGGED}

    def test_two_commands_of_a_user_swapped(self, run: Run) -> None:
        places = [n for n, e in enumerate(run.entries) if e.user == "ann" and is_accepted_add(e)]
        first, second = (run.exchange(place) for place in places[3:5])
        swapped = run.history.index(first), run.history.index(second)
        for place, exchange in zip(swapped, (second, first), strict=True):
            run.history[place] = exchange
        assert run.kinds() == {Fault.OUT_OF_ORDER}

    def test_a_record_lost_from_the_log(self, run: Run) -> None:
        run.log.pop()
        assert run.kinds() == {Fault.NOT_LOGGED}

    def test_a_record_that_the_log_alone_has(self, run: Run) -> None:
        run.log.append(replace(run.log[-1], seq=9_999))
        assert run.kinds() == {Fault.NOT_LOGGED}

    def test_a_reply_that_was_made_up(self, run: Run) -> None:
        run.exchange(run.place(is_accepted_add)).reply = Receipt(1, START_MS)
        assert run.kinds() == {Fault.WRONG_REPLY}

    def test_a_command_that_nobody_sent(self, run: Run) -> None:
        run.history.remove(run.exchange(run.place(is_accepted_add)))
        assert run.kinds() == {Fault.UNASKED}

    def test_another_command_under_the_same_id(self, run: Run) -> None:
        exchange = run.exchange(run.place(is_accepted_add))
        assert isinstance(exchange.command, Add)
        exchange.command = replace(exchange.command, amount_cents=1)
        assert run.kinds() == {Fault.ALTERED}

    def test_a_refusal_that_took_money(self, run: Run) -> None:
        place = run.place(is_refused)
        entry = run.entries[place]
        taken = replace(entry, postings=(Posting(Action.RESERVE, 1),))
        run.entries[place] = run.log[place] = taken
        assert Fault.NOT_REFUSED in run.kinds()

    def test_a_trigger_that_fired_twice(self, run: Run) -> None:
        fired = run.entries[run.place(lambda entry: entry.cause is Cause.FIRING)]
        again = replace(fired, seq=run.versions[fired.user] + 1, command_id=b"another.........")
        run.entries.append(again)
        run.log.append(again)
        run.position += 1
        run.versions[fired.user] += 1
        run.balances[fired.user].apply(again)
        verdict = run.verdict()
        assert Fault.ENDED_TWICE in {finding.kind for finding in verdict.findings}
        assert verdict.doubled == 1

    def test_an_account_below_zero(self, run: Run) -> None:
        run.balances["ann"].holdings["A"] = -1
        assert run.kinds() == {Fault.BELOW_ZERO, Fault.NOT_THE_SUM}

    def test_a_version_without_its_entry(self, run: Run) -> None:
        run.versions["ann"] += 1
        assert run.kinds() == {Fault.GAP}

    @pytest.mark.parametrize("hours", [-1, 1])
    def test_a_decision_by_a_clock_that_jumped(self, run: Run, hours: int) -> None:
        exchange = run.exchange(run.place(is_accepted_add))
        exchange.sent_ms += hours * 3_600_000
        exchange.ended_ms += hours * 3_600_000
        assert run.kinds() == {Fault.OUT_OF_TIME}
