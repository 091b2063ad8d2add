"""The log's file against its own chain of hashes and its signed heads.

May be imported by everyone above `ledger`; blocks, and takes constant memory but for one line for
each hit. The first row that is not what was stored is named: whatever is read after it proves
nothing.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path

from audit import layout
from audit.chain import Link, RowKind, first_link
from audit.chain_rows import Row, links_in_order, rows_in_order
from audit.database import connect
from audit.derived_check import DerivedCheck
from audit.findings import Finding, FindingKind
from audit.heads import HeadKey, SignedHead
from audit.reading import read_last_link, read_link
from audit.security import is_security_stream

_WHERE = "the log"
DERIVED_FINDINGS_MAX = 100
"""More of what follows from the rows is not told: one cause has many of them."""


def check_chain(path: Path) -> list[Finding]:
    """Go through all rows of a file that nobody writes to; the first finding names the first row
    that is wrong.
    """
    try:
        with closing(connect(path)) as connection:
            damage = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if damage != "ok":
                row = _first_bad_row(connection)
                return [Finding(FindingKind.DAMAGED_FILE, row, damage.replace("\n", " "))]
            return _check_rows(connection)
    except sqlite3.Error as error:
        return [Finding(FindingKind.DAMAGED_FILE, str(path), str(error))]


def check_links(path: Path) -> list[Finding]:
    """Go through rows and links as they are at one moment; the file may be written to meanwhile.

    The first row that is wrong is the finding. Raises `sqlite3.Error`.
    """
    with closing(connect(path)) as connection:
        connection.execute("BEGIN")
        return list(_broken_links(connection))


def _check_rows(connection: sqlite3.Connection) -> list[Finding]:
    broken = list(_broken_links(connection))
    if broken:
        return broken
    derived = DerivedCheck(connection)
    wrong: list[Finding] = []
    for row in rows_in_order(connection):
        wrong += (Finding(FindingKind.WRONG_INDEX, _WHERE, what) for what in derived.take(row))
        if len(wrong) > DERIVED_FINDINGS_MAX:
            return wrong
    wrong += (Finding(FindingKind.WRONG_INDEX, _WHERE, what) for what in derived.at_end())
    return wrong


def _broken_links(connection: sqlite3.Connection) -> Iterator[Finding]:
    """The first place at which rows and links do not go together, if there is one."""
    link = first_link(layout.identity(connection).log_id)
    for row, stored in zip_longest(rows_in_order(connection), links_in_order(connection)):
        number = link.number + 1
        if row is None or row.number > number:
            what = "it is missing"
        elif row.number < number:
            what = "another one has its number"
        elif is_security_stream(row.stream) != (row.kind is RowKind.SECURITY):
            what = "it is in a stream of another kind"
        elif stored is None or stored.number != number:
            what = "its link is missing"
        else:
            link = _follow(link, row)
            if link == stored:
                continue
            what = "it, or its place, was changed"
        name = row.name if row is not None and row.number == number else f"row {number}"
        yield Finding(FindingKind.BROKEN_CHAIN, name, what)
        return


def _follow(link: Link, row: Row) -> Link:
    return link.followed_by(row.kind, row.stream, row.first_number, row.content)


def _first_bad_row(connection: sqlite3.Connection) -> str:
    """The first row that cannot be read, or is not what was stored."""
    last = 0
    try:
        broken = next(_broken_links(connection), None)
        for row in rows_in_order(connection):
            last = row.number
    except sqlite3.Error:
        return f"row {last + 1}"
    return "an index" if broken is None else broken.where


def check_heads(path: Path, key: HeadKey, heads: Iterable[SignedHead]) -> Iterator[Finding]:
    """Yield what is wrong with the heads of a log, whose own chain was checked before."""
    last = read_last_link(path).number
    for signed in heads:
        number = signed.head.link.number
        where, what = f"row {number}", ""
        if not key.is_ours(signed):
            what = "its head was not signed by our key"
        elif number > last:
            where, what = f"row {last + 1}", f"row {number} was signed: the log was cut short"
        elif read_link(path, number) != signed.head.link:
            what = "the log was written anew up to here"
        if what:
            yield Finding(FindingKind.WRONG_HEAD, where, what)
