"""A log's file that was torn is cut back to its last good row, before anybody writes to it again.

Used by the audit daemon at its start. SQLite's own journal leaves no torn file behind a crash, as
long as disk and system keep their word; this is for when they did not. What is cut off comes again
from the journals: a shipper goes on from where the daemon is. The torn file is kept. Blocks.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from msgspec import Struct
from twisted.logger import Logger

from audit import layout
from audit.chain import Link, first_link
from audit.chain_rows import good_rows, links_in_order
from audit.cutting import add, content_of
from audit.database import Database, connect
from audit.security import SECURITY_STREAM, Outcome, SecurityEvent, encode_event

log = Logger()

TAIL_ROWS = 1_000
"""How many of the newest rows are looked at; `daytrade audit verify` looks at all."""


class Mended(Struct, frozen=True):
    """What was done to a torn file.

    :ivar last_row: the last good one; 0 where nothing could be read.
    :ivar aside: where the torn file is now.
    """

    last_row: int
    aside: Path


def mend(path: Path, now_ms: int) -> Mended | None:
    """Cut a torn file back to its last good row; None where its end is sound, or there is no file.

    Raises `sqlite3.OperationalError` where the file cannot be opened or written.
    """
    if not path.exists() or _is_sound(path):
        return None
    draft = path.with_name(path.name + ".mended")
    draft.unlink(missing_ok=True)
    aside = path.with_name(f"{path.name}.torn-{now_ms}")
    last_row = _save_good_rows(path, draft, aside, now_ms)
    for suffix in ("", "-wal", "-shm"):
        torn = path.with_name(path.name + suffix)
        if torn.exists():
            torn.rename(aside.with_name(aside.name + suffix))
    draft.rename(path)
    return Mended(last_row, aside)


def _is_sound(path: Path) -> bool:
    """Tell whether the newest rows are those that were stored."""
    try:
        with closing(connect(path)) as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] < layout.LAYOUT_VERSION:
                return True
            last = layout.last_link(connection)
            link = _link_at(connection, max(0, last.number - TAIL_ROWS))
            for _, following in good_rows(connection, link):
                link = following
            return link == last
    except sqlite3.OperationalError:
        raise
    except (sqlite3.DatabaseError, TypeError):
        return False


def _link_at(connection: sqlite3.Connection, number: int) -> Link:
    if number == 0:
        return first_link(layout.identity(connection).log_id)
    return next(links_in_order(connection, number - 1))


def _connect_to_torn(path: Path) -> sqlite3.Connection:
    """Open a file that may be shorter than it says: by default SQLite would read nothing of it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    return connection


def _save_good_rows(path: Path, draft: Path, aside: Path, now_ms: int) -> int:
    """Make a log of the rows up to the first bad one; returns the last good one's number."""
    last_row, log_id = 0, b""
    with closing(Database(draft)) as database:
        try:
            with closing(_connect_to_torn(path)) as connection:
                log_id = layout.identity(connection).log_id or b""
                for row, link in good_rows(connection, first_link(log_id)):
                    add(database, row.stream, row.first_number, content_of(row))
                    last_row = link.number
        except (sqlite3.DatabaseError, TypeError) as damage:
            # What was read until here is good; the rest is not to be had.
            log.warn("the rest of {path} cannot be read: {damage}", path=path, damage=str(damage))
        database.follow(log_id)
        detail = f"row {last_row} of log {log_id.hex()} is the last good one; kept: {aside.name}"
        event = SecurityEvent(
            now_ms, "audit", "", "", "cut back a torn log", "", Outcome.DONE, detail
        )
        add(database, f"audit{SECURITY_STREAM}{now_ms}", 1, [encode_event(event)])
    return last_row
