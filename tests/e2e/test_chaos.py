"""The short form of the chaos run, and the checker on what it left, true and then spoiled."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from msgspec.structs import replace

from daytrade.embedded_postgres import EmbeddedPostgres
from ledger.entry import Cause, decode_entry, encode_entry
from tests.daytrade.conftest import temporary_traversable_dir
from tests.daytrade.process_end import all_end
from tests.e2e.process_table import processes_of
from tests.e2e.stack import daytrade

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

_RUN_S_MAX = 200.0
FAULTS = 12
SHORT_FORM = (
    *("--seed", "5", "--faults", str(FAULTS), "--every", "1.5", "--users", "20", "--rate", "150"),
    *("--only", "kill:node", "--only", "kill:postgres", "--only", "kill:audit"),
    *("--only", "kill:triggers", "--only", "restart:node", "--only", "cut:node"),
)


class FinishedRun:
    """A chaos run that is over, and its directory.

    :ivar said: what it printed.
    :ivar figures: what it wrote as JSON.
    """

    def __init__(self, directory: Path) -> None:
        self.data, json_file = directory / "data", directory / "figures"
        written = ("--data", self.data, "--json", json_file)
        ran = daytrade("chaos", *SHORT_FORM, *written, limit_s=_RUN_S_MAX)
        self.code, self.said = ran.returncode, ran.stdout + ran.stderr
        pids = list(processes_of(self.data))
        assert all_end(pids), processes_of(self.data)
        assert json_file.exists(), self.said
        self.figures: dict[str, Any] = json.loads(json_file.read_text())

    @property
    def history(self) -> Path:
        """What the client noted."""
        return self.data / "history"


@pytest.fixture(scope="module")
def run() -> Iterator[FinishedRun]:
    with temporary_traversable_dir() as directory:
        yield FinishedRun(directory)


@pytest.fixture(scope="module")
def dsn(run: FinishedRun) -> Iterator[str]:
    with EmbeddedPostgres(run.data / "postgres") as postgres:
        yield postgres.dsn


class TestShortForm:
    def test_nothing_is_lost_doubled_or_left_open(self, run: FinishedRun) -> None:
        assert run.code == 0, run.said
        figures = run.figures
        assert (figures["lost"], figures["doubled"], figures["unresolved"]) == (0, 0, 0)
        assert figures["problems"] == []
        assert figures["acknowledged"] > 1_000

    def test_every_fault_of_the_plan_was_inflicted_and_commands_went_on(
        self, run: FinishedRun
    ) -> None:
        faults = run.figures["faults"]
        assert len(faults) == FAULTS
        assert all(fault["first_ack_s"] is not None for fault in faults), faults

    def test_triggers_fired_meanwhile(self, run: FinishedRun) -> None:
        assert run.figures["fired"] > 0


@contextmanager
def row_changed(dsn: str, change: str, *parameters: object) -> Iterator[None]:
    """The ledger with one change, which is taken back afterwards."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        for table in ("account", "journal"):
            cursor.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")
        cursor.execute(change, parameters)
        assert cursor.rowcount == 1
        connection.commit()
        try:
            yield
        finally:
            for table in ("account", "journal"):
                cursor.execute(f"TRUNCATE {table}")
                cursor.execute(f"INSERT INTO {table} TABLE kept_{table}")
                cursor.execute(f"DROP TABLE kept_{table}")
            connection.commit()


class TestPlantedErrors:
    @pytest.fixture(autouse=True)
    def _run(self, run: FinishedRun, dsn: str) -> None:
        self.run = run
        self.dsn = dsn

    def check(self, history: Path | None = None) -> tuple[int, str]:
        """The checker's exit code and words."""
        asked = ("--history", history or self.run.history, "--database", self.dsn)
        checked = daytrade("check", "--data", self.run.data, *asked)
        return checked.returncode, checked.stdout + checked.stderr

    def an_add(self) -> tuple[str, int, bytes]:
        """User, number and bytes of some entry of an ADD that was carried out."""
        with closing(psycopg2.connect(self.dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT user_name, seq, entry FROM journal WHERE seq > 3")
            for user, seq, stored in cursor:
                entry = decode_entry(bytes(stored))
                if entry.cause is Cause.COMMAND and entry.name == "ADD" and entry.postings:
                    return user, seq, bytes(stored)
        raise AssertionError("nobody added anything")

    def test_the_true_run_is_found_true(self) -> None:
        code, said = self.check()
        assert code == 0, said
        assert "every acknowledged command was carried out exactly once" in said

    def test_a_row_dropped(self) -> None:
        user, seq, _ = self.an_add()
        change = "DELETE FROM journal WHERE user_name = %s AND seq = %s"
        with row_changed(self.dsn, change, user, seq):
            code, said = self.check()
        assert code == 1
        assert "an acknowledged command is not in the ledger" in said
        assert "lost 1," in said

    def test_a_posting_doubled(self) -> None:
        user, seq, stored = self.an_add()
        entry = decode_entry(stored)
        spoiled = encode_entry(replace(entry, postings=entry.postings * 2))
        change = "UPDATE journal SET entry = %s WHERE user_name = %s AND seq = %s"
        with row_changed(self.dsn, change, spoiled, user, seq):
            code, said = self.check()
        assert code == 1
        assert "an account is not what the entries about it add up to" in said
        assert "the ledger and the log tell different entries under one number" in said

    def test_a_cent_changed(self) -> None:
        user, _, _ = self.an_add()
        change = "UPDATE account SET cash_cents = cash_cents + 1 WHERE user_name = %s"
        with row_changed(self.dsn, change, user):
            code, said = self.check()
        assert code == 1
        assert "an account is not what the entries about it add up to" in said
        assert "money in the log and in the ledger differs" in said

    def test_two_commands_swapped(self, directory: Path) -> None:
        """The client sent two commands of one user the other way round than they are decided."""
        notes = [json.loads(line) for line in self.run.history.read_bytes().splitlines()]
        sent = [place for place, note in enumerate(notes) if note["what"] == "sent"]
        user = notes[sent[100]]["body"][0]
        first, *_, second = (n for n in sent[100:300] if notes[n]["body"][0] == user)
        notes[first], notes[second] = notes[second], notes[first]
        ends = [note for note in notes if note["what"] != "sent"]
        begins = [note for note in notes if note["what"] == "sent"]
        swapped = directory / "swapped"
        swapped.write_text("".join(json.dumps(note) + "\n" for note in begins + ends))
        code, said = self.check(swapped)
        assert code == 1
        assert "in another order than they were sent" in said

    def test_a_record_lost(self) -> None:
        store = self.run.data / "audit" / "audit.sqlite"
        kept = store.read_bytes()
        with closing(sqlite3.connect(store)) as log, log:
            stream = "SELECT id FROM stream WHERE name = 'node-1/0'"
            last = f"SELECT max(rowid) FROM batch WHERE stream = ({stream})"
            assert log.execute(f"DELETE FROM batch WHERE rowid = ({last})").rowcount == 1
        try:
            code, said = self.check()
        finally:
            store.write_bytes(kept)
        assert code == 1
        assert "the ledger and the log tell different entries under one number" in said
