"""The tables of the log's file, and how a file of an older version gets them.

Used by `audit.database`.
"""

import secrets
import sqlite3

from msgspec import Struct

from audit.batch_users import pack_users
from audit.chain import Link, RowKind, first_link

LAYOUT_VERSION = 4
LOG_ID_BYTES = 16

_V1 = """
CREATE TABLE stream (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    last_number INTEGER NOT NULL            -- everything up to here is in `batch` or `security`
) STRICT;
CREATE TABLE batch (
    id           INTEGER PRIMARY KEY,       -- its number in the chain: in the order of arrival
    stream       INTEGER NOT NULL REFERENCES stream,
    first_number INTEGER NOT NULL,
    count        INTEGER NOT NULL,
    first_ms     INTEGER NOT NULL,          -- when the first entry was decided, Unix ms
    last_ms      INTEGER NOT NULL,
    entries      BLOB NOT NULL,             -- MessagePack: list of entries as they came
    bearers      BLOB NOT NULL,             -- MessagePack: which of them bear their hit, from 0
    UNIQUE (stream, first_number)
) STRICT;
CREATE TABLE batch_user (
    user         TEXT NOT NULL,             -- has entries in the batch
    stream       INTEGER NOT NULL,
    first_number INTEGER NOT NULL,
    PRIMARY KEY (user, stream, first_number)
) STRICT, WITHOUT ROWID;
CREATE TABLE hit (
    symbol       TEXT NOT NULL,
    quoted_ms    INTEGER NOT NULL,
    cryptokey    TEXT NOT NULL,
    stream       INTEGER NOT NULL,          -- the batch and place of the entry that bears it
    first_number INTEGER NOT NULL,
    place        INTEGER NOT NULL,
    is_unused    INTEGER NOT NULL,          -- 1: no entry that used the price has come yet
    PRIMARY KEY (symbol, quoted_ms, cryptokey)
) STRICT, WITHOUT ROWID;
"""

_V2 = """
CREATE TABLE log (
    id BLOB NOT NULL                        -- random: which log this is
) STRICT;
CREATE TABLE link (
    number INTEGER PRIMARY KEY,             -- 1.. without gaps; the row of `batch` or `security`
    digest BLOB NOT NULL                    -- see audit/chain.py
) STRICT;
CREATE TABLE security (
    id     INTEGER PRIMARY KEY,             -- its number in the chain
    stream INTEGER NOT NULL REFERENCES stream,
    number INTEGER NOT NULL,
    at_ms  INTEGER NOT NULL,                -- when it happened, Unix ms
    event  BLOB NOT NULL,                   -- MessagePack, see audit/security.py
    UNIQUE (stream, number)
) STRICT;
"""


_V3 = """
CREATE TABLE batch_users (
    batch INTEGER PRIMARY KEY REFERENCES batch,
    users BLOB NOT NULL                     -- who has entries in it, see audit/batch_users.py
) STRICT;
"""
_V4 = """
-- The log that this one was restored or mended from, or empty.
ALTER TABLE log ADD COLUMN predecessor BLOB NOT NULL DEFAULT x'';
"""


class Identity(Struct, frozen=True):
    """Which log a file holds.

    :ivar predecessor: the log that it was restored or mended from; empty for a log begun anew.
    """

    log_id: bytes
    predecessor: bytes = b""


def prepare(connection: sqlite3.Connection) -> None:
    """Give a new file its tables, and an older one those that it lacks, in one transaction.

    Raises `sqlite3.DatabaseError` for a file of a version that this one does not know.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in range(LAYOUT_VERSION + 1):
            raise sqlite3.DatabaseError(
                f"its layout is {version}, this version knows {LAYOUT_VERSION}: use a newer one"
            )
        if version == 0:
            _create(connection, _V1)
        if version < 2:
            _create(connection, _V2)
            _begin_chain(connection)
        if version < 3:
            _create(connection, _V3)
            _pack_users(connection)
        if version < LAYOUT_VERSION:
            _create(connection, _V4)
            connection.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def identity(connection: sqlite3.Connection) -> Identity:
    """Which log this is."""
    return Identity(*connection.execute("SELECT id, predecessor FROM log").fetchone())


def last_link(connection: sqlite3.Connection) -> Link:
    """How far the chain of the file goes."""
    newest = "SELECT number, digest FROM link ORDER BY number DESC LIMIT 1"
    row = connection.execute(newest).fetchone()
    return first_link(identity(connection).log_id) if row is None else Link(*row)


def _create(connection: sqlite3.Connection, tables: str) -> None:
    for statement in tables.split(";\n"):
        connection.execute(statement)


def _begin_chain(connection: sqlite3.Connection) -> None:
    """Name the log, and chain what an older version has stored."""
    log_id = secrets.token_bytes(LOG_ID_BYTES)
    connection.execute("INSERT INTO log (id) VALUES (?)", (log_id,))
    link = first_link(log_id)
    rows = connection.execute(
        "SELECT name, first_number, entries FROM batch JOIN stream ON stream.id = stream"
        " ORDER BY batch.id"
    )
    for stream, first_number, entries in rows:
        link = link.followed_by(RowKind.BATCH, stream, first_number, entries)
        connection.execute("INSERT INTO link VALUES (?, ?)", (link.number, link.digest))


def _pack_users(connection: sqlite3.Connection) -> None:
    """Tell the users of each batch in one row, where an older version had a row for each."""
    batches = connection.execute("SELECT id, stream, first_number FROM batch").fetchall()
    for batch, *place in batches:
        users = connection.execute(
            "SELECT user FROM batch_user WHERE stream = ? AND first_number = ?", place
        )
        packed = pack_users({user for (user,) in users})
        connection.execute("INSERT INTO batch_users VALUES (?, ?)", (batch, packed))
    connection.execute("DROP TABLE batch_user")
