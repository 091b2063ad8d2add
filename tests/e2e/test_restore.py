"""A stack is backed up while it trades, and brought back to a command in the middle of a batch.

`make restores` does it five times, the suite once (RELIABILITY R15).
"""

import os
import re
from pathlib import Path
from uuid import UUID, uuid4

import psycopg2
import pytest

from ledger.entry import decode_entry
from ledger.redeciding import Redecider
from protocol.messages import Add, Buy, CommitBuy, Message, Receipt, SetBuyAmount
from tests.e2e.stack import RunningStack, daytrade, running_stack

pytestmark = pytest.mark.e2e

RESTORES = int(os.environ.get("RESTORES", "1"))
USERS = [f"user-{number}" for number in range(8)]

Journal = dict[str, list[bytes]]


def trade(stack: RunningStack, rounds: int) -> None:
    """Commands of several users at the same time, so that they share batches."""
    for _ in range(rounds):
        with stack.client() as client:
            wanted = {uuid4().bytes: command for user in USERS for command in commands_of(user)}
            for command_id, command in wanted.items():
                client.say(command, command_id)
            for _ in wanted:
                client.hear()


def commands_of(user: str) -> list[Message]:
    return [
        Add(user, 1, 500_00),
        Buy(user, 2, "ABC", 100_00),
        SetBuyAmount(user, 3, "XYZ", 10_00),
        CommitBuy(user, 4),
    ]


def read_journal(dsn: str) -> Journal:
    """All entries by stream, in order."""
    connection = psycopg2.connect(dsn)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, entry FROM journal JOIN stream USING (stream_key) ORDER BY number"
        )
        journal: Journal = {}
        for name, entry in cursor:
            journal.setdefault(name, []).append(bytes(entry))
    connection.close()
    return journal


def from_the_middle_of_a_batch(dsn: str) -> UUID:
    """A command whose transaction holds others, of other users too, that come after it."""
    connection = psycopg2.connect(dsn)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (array_agg(command_id::text ORDER BY number))[(count(*) / 2)::int] FROM journal"
            " GROUP BY xmin::text, stream_key"
            " HAVING count(*) > 4 AND count(DISTINCT user_name) > 1 ORDER BY min(number)"
        )
        found = cursor.fetchall()
    connection.close()
    return UUID(found[len(found) * 2 // 3][0])


def cash_of(journal: Journal, user: str) -> int:
    """A user's cash after these entries, by the rules."""
    entries = [decode_entry(each) for entries in journal.values() for each in entries]
    redecider = Redecider(user)
    for entry in sorted((e for e in entries if e.user == user), key=lambda entry: entry.seq):
        redecider.take(entry)
    return redecider.account.cash_cents


@pytest.mark.parametrize("round_", range(RESTORES))
def test_the_ledger_is_brought_back_to_a_command_exactly_and_trading_goes_on(
    directory: Path, round_: int
) -> None:
    with running_stack(directory, nodes=1) as stack:
        trade(stack, 2)
        made = daytrade("backup", "--data", stack.data)
        assert made.returncode == 0, made.stdout + made.stderr
        trade(stack, 6 + round_)
        dsn = stack.addresses["Postgres"]
        command_id = from_the_middle_of_a_batch(dsn)
        before = read_journal(dsn)
        assert stack.stop() == 0
    first_id = UUID(bytes=decode_entry(next(iter(before.values()))[0]).command_id)
    for target, reason in ((uuid4(), "no command"), (first_id, "no backup")):
        refused = daytrade("restore", "--data", stack.data, "--to", str(target))
        assert refused.returncode == 1
        assert reason in refused.stderr
    restored = daytrade("restore", "--data", stack.data, "--to", str(command_id))
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert "the log is whole, valid by the schema, and equal to the ledger" in restored.stdout
    trimmed = re.search(r"^(\d+) entries of the command's batch", restored.stdout, re.MULTILINE)
    assert trimmed is not None
    assert int(trimmed[1]) > 0

    with running_stack(directory, nodes=1) as stack:
        after = read_journal(stack.addresses["Postgres"])
        ends = {decode_entry(entries[-1]).command_id for entries in after.values()}
        assert command_id.bytes in ends
        for name, entries in after.items():
            assert entries == before[name][: len(entries)]
        assert sum(map(len, after.values())) < sum(map(len, before.values()))
        with stack.client() as client:
            for user in USERS:
                assert client.summary(user).cash_cents == cash_of(after, user)
            lost = next(
                decode_entry(entries[len(after[name])])
                for name, entries in before.items()
                if len(after.get(name, [])) < len(entries)
            )
            assert isinstance(client.ask(Add(lost.user, 9, 1_00), lost.command_id), Receipt)
        assert stack.stop() == 0
    verified = daytrade("audit", "verify", "--data", stack.data)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    told = daytrade("audit", "security", "--data", stack.data)
    assert 'action="restore the ledger"' in told.stdout
    kept = sorted(path.name for path in stack.data.glob("*/*before-restore-*"))
    assert [name.split(".before")[0] for name in kept] == ["audit.sqlite", "cluster"]
