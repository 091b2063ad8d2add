"""The file's layout: an older file gets what it lacks, and keeps what it has."""

import sqlite3
from pathlib import Path

import pytest

from audit import layout
from audit.chain import Link, RowKind, first_link
from audit.database import Addition, Database, connect, pack, unpack_entries
from audit.reading import read_entries
from ledger.entry import decode_entry
from tests.audit.journal import journal, plain_entries


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "audit.sqlite"


def make_version_1(path: Path) -> None:
    """Take from a file what later layouts have added, and give it back what they have replaced."""
    with sqlite3.connect(path) as connection:
        for table in ("log", "link", "security", "batch_users"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute(
            "CREATE TABLE batch_user (user TEXT, stream INTEGER, first_number INTEGER)"
        )
        for stream, first_number, entries in connection.execute(
            "SELECT stream, first_number, entries FROM batch"
        ).fetchall():
            for user in {decode_entry(entry).user for entry in unpack_entries(entries)}:
                row = (user, stream, first_number)
                connection.execute("INSERT INTO batch_user VALUES (?, ?, ?)", row)
        connection.execute("PRAGMA user_version = 1")


def test_a_file_of_layout_1_is_chained_in_place_and_read_as_before(path: Path) -> None:
    made = journal(1, 50)
    database = Database(path)
    database.add([Addition("a/0", 1, made.encoded), Addition("b/0", 1, plain_entries(1, 2))])
    database.close()
    before = list(read_entries(path))
    user = before[0].entry.user
    of_user = list(read_entries(path, user))
    make_version_1(path)
    database = Database(path)
    assert database.add([Addition("b/0", 3, plain_entries(3, 3))]) == [3]
    assert database.link.number == 3
    assert len(list(read_entries(path))) == len(before) + 1
    assert list(read_entries(path, user)) == of_user
    with connect(path) as connection:
        link = first_link(layout.identity(connection).log_id)
    for stream, first, entries in (
        ("a/0", 1, made.encoded),
        ("b/0", 1, plain_entries(1, 2)),
        ("b/0", 3, plain_entries(3, 3)),
    ):
        link = link.followed_by(RowKind.BATCH, stream, first, pack(entries))
    assert database.link == link


def test_the_chain_goes_on_where_it_ended_when_the_file_is_opened_again(path: Path) -> None:
    database = Database(path)
    database.add([Addition("a/0", 1, plain_entries(1, 2))])
    link = database.link
    database.close()
    assert Database(path).link == link


def test_what_was_rolled_back_is_not_in_the_chain(path: Path) -> None:
    database = Database(path)
    database.add([Addition("a/0", 1, plain_entries(1, 2))])
    link = database.link
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE batch_users")
    with pytest.raises(sqlite3.Error):
        database.add([Addition("a/0", 3, plain_entries(3, 3))])
    assert database.link == link


def test_two_logs_with_the_same_rows_have_different_chains(tmp_path: Path) -> None:
    links: list[Link] = []
    for name in ("a", "b"):
        database = Database(tmp_path / name)
        database.add([Addition("a/0", 1, plain_entries(1, 2))])
        links.append(database.link)
    assert links[0].number == links[1].number == 1
    assert links[0].digest != links[1].digest


def test_a_file_that_is_no_log_is_refused_by_its_name(path: Path) -> None:
    path.write_bytes(b"x" * 10_000)
    with pytest.raises(sqlite3.DatabaseError, match=r"audit\.sqlite cannot be used"):
        Database(path)
