"""A log with its ledger, and a thousand ways to change one of the two behind everybody's back.

For `test_tampering` only. Each edit says which record it touched, by the words that a finding must
have in it.
"""

import copy
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from audit.chain import first_link
from audit.chain_rows import rows_in_order
from audit.database import Addition, Database, connect, pack, unpack_entries
from audit.heads import Head, HeadKey
from audit.layout import identity
from audit.security import Outcome, SecurityEvent, encode_event
from ledger.entry import decode_entry, encode_entry, hit_entry
from ledger.memory_store import MemoryLedger, copy_account
from ledger.store import Stream
from protocol.quote import Quote
from tests.audit.head_book import MemoryHeads
from tests.audit.journal import START_MS, journal

STREAM, HITS, EVENTS = "node-1/0", "quotes-1/hits-1", "node-1/security-1"
BATCH = 12


class Stage(Struct):
    """A log and a ledger that belong together; what is edited is a copy."""

    path: Path
    ledger: MemoryLedger
    book: MemoryHeads
    key_path: Path

    def copied(self, path: Path) -> "Stage":
        shutil.copy(self.path, path)
        book = MemoryHeads()
        book.heads = list(self.book.heads)
        return Stage(path, copied_ledger(self.ledger), book, self.key_path)


def copied_ledger(ledger: MemoryLedger) -> MemoryLedger:
    """A ledger of its own with the same content."""
    made = MemoryLedger(ledger.now_ms)
    made.accounts = {user: copy_account(each) for user, each in ledger.accounts.items()}
    made.journal = dict(ledger.journal)
    made.streams = {name: copy.copy(stream) for name, stream in ledger.streams.items()}
    made.stream_entries = {name: list(each) for name, each in ledger.stream_entries.items()}
    return made


def make_stage(folder: Path) -> Stage:
    """A log of one node, with hits, security events and a head every few rows, and its ledger."""
    made = journal(11, 150)
    encoded = made.encoded
    ledger = MemoryLedger(lambda: START_MS)
    ledger.accounts = made.accounts
    ledger.journal = {entry.command_id: encode_entry(entry) for entry in made.entries}
    ledger.stream_entries[STREAM] = encoded
    ledger.streams[STREAM] = Stream(STREAM, 1, 1, len(encoded), made.entries[-1].decided_ms)
    key = HeadKey.ensure(folder / "key.pem")
    stage = Stage(folder / "audit.sqlite", ledger, MemoryHeads(), folder / "key.pem")
    database = Database(stage.path)
    for round_, first in enumerate(range(0, len(encoded), BATCH)):
        quote = Quote("ZZZ", 100 + round_, START_MS + round_, f"key-{round_}", "ann")
        event = SecurityEvent(
            START_MS + round_, "node-1", "ann", "user", "log in", "127.0.0.1:4040", Outcome.DONE
        )
        database.add(
            [
                Addition(HITS, round_ + 1, [encode_entry(hit_entry(quote, 1, START_MS + round_))]),
                Addition(STREAM, first + 1, encoded[first : first + BATCH]),
                Addition(EVENTS, round_ + 1, [encode_event(event)]),
            ]
        )
        if round_ % 3 == 0:
            head = Head(database.identity.log_id, database.link, START_MS + round_)
            stage.book.heads.append(key.sign(head))
    head = Head(database.identity.log_id, database.link, START_MS + 10_000)
    stage.book.heads.append(key.sign(head))
    database.close()
    return stage


def flipped(content: bytes, random: Random) -> bytes:
    """The content with one bit changed."""
    changed = bytearray(content)
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def rechain(connection: sqlite3.Connection) -> None:
    """Compute the whole chain anew, as one would who knows how it is made."""
    link = first_link(identity(connection).log_id)
    rows = list(rows_in_order(connection))
    connection.execute("DELETE FROM link")
    for row in rows:
        link = link.followed_by(row.kind, row.stream, row.first_number, row.content)
        connection.execute("INSERT INTO link VALUES (?, ?)", (link.number, link.digest))


def _batch(connection: sqlite3.Connection, random: Random) -> tuple[int, int, bytes]:
    rows = connection.execute(
        "SELECT batch.id, first_number, entries FROM batch JOIN stream ON stream.id = stream"
        " WHERE name = ?",
        (STREAM,),
    ).fetchall()
    number, first, entries = random.choice(rows)
    return number, first, entries


# Edits of the log's rows. Each returns the words that name the record.


def flip_content(connection: sqlite3.Connection, random: Random) -> str:
    number, _, entries = _batch(connection, random)
    connection.execute(
        "UPDATE batch SET entries = ? WHERE id = ?", (flipped(entries, random), number)
    )
    return f"row {number}:"


def flip_event(connection: sqlite3.Connection, random: Random) -> str:
    number, event = random.choice(connection.execute("SELECT id, event FROM security").fetchall())
    changed = flipped(event, random)
    connection.execute("UPDATE security SET event = ? WHERE id = ?", (changed, number))
    return f"row {number}:"


def flip_link(connection: sqlite3.Connection, random: Random) -> str:
    number, digest = random.choice(connection.execute("SELECT * FROM link").fetchall())
    changed = flipped(digest, random)
    connection.execute("UPDATE link SET digest = ? WHERE number = ?", (changed, number))
    return f"row {number}:"


def delete_row(connection: sqlite3.Connection, random: Random) -> str:
    table = random.choice(["batch", "security"])
    number = random.choice(connection.execute(f"SELECT id FROM {table}").fetchall())[0]
    connection.execute(f"DELETE FROM {table} WHERE id = ?", (number,))
    if random.random() < 0.5:
        connection.execute("DELETE FROM link WHERE number = ?", (number,))
    return f"row {number}"


def swap_rows(connection: sqlite3.Connection, random: Random) -> str:
    one, other = random.sample(connection.execute("SELECT id FROM batch").fetchall(), 2)
    for before, after in ((one[0], -1), (other[0], one[0]), (-1, other[0])):
        connection.execute("UPDATE batch SET id = ? WHERE id = ?", (after, before))
    return f"row {min(one[0], other[0])}:"


def move_row(connection: sqlite3.Connection, random: Random) -> str:
    number, first, _ = _batch(connection, random)
    connection.execute("UPDATE batch SET first_number = ? WHERE id = ?", (first + 10_000, number))
    return f"row {number}:"


def swap_entries_and_rechain(connection: sqlite3.Connection, random: Random) -> str:
    number, first, content = _batch(connection, random)
    entries = unpack_entries(content)
    if len(entries) < 2:
        return flip_content(connection, random)
    place = random.randrange(len(entries) - 1)
    entries[place : place + 2] = entries[place + 1], entries[place]
    connection.execute("UPDATE batch SET entries = ? WHERE id = ?", (pack(entries), number))
    rechain(connection)
    return f"entry {first + place}"


def change_entry_and_rechain(connection: sqlite3.Connection, random: Random) -> str:
    number, first, content = _batch(connection, random)
    entries = unpack_entries(content)
    place = random.randrange(len(entries))
    entry = decode_entry(entries[place])
    entries[place] = encode_entry(replace(entry, transaction_num=entry.transaction_num + 1))
    connection.execute("UPDATE batch SET entries = ? WHERE id = ?", (pack(entries), number))
    rechain(connection)
    return f"entry {first + place}"


def cut_short(connection: sqlite3.Connection, random: Random) -> str:
    last = connection.execute("SELECT max(number) FROM link").fetchone()[0]
    keep = random.randrange(last)
    for table, column in (("batch", "id"), ("security", "id"), ("link", "number")):
        connection.execute(f"DELETE FROM {table} WHERE {column} > ?", (keep,))
    return f"row {keep + 1}"


def forge_bearers(connection: sqlite3.Connection, random: Random) -> str:
    number, _, entries = _batch(connection, random)
    stored = connection.execute("SELECT bearers FROM batch WHERE id = ?", (number,)).fetchone()[0]
    changed = pack(sorted({*range(len(unpack_entries(entries)))}))
    if changed == stored:
        changed = pack([])
    connection.execute("UPDATE batch SET bearers = ? WHERE id = ?", (changed, number))
    return f"row {number}:"


def forget_user(connection: sqlite3.Connection, random: Random) -> str:
    batch, users = random.choice(connection.execute("SELECT * FROM batch_users").fetchall())
    if random.random() < 0.5:
        connection.execute("DELETE FROM batch_users WHERE batch = ?", (batch,))
    else:
        changed = flipped(users, random)
        connection.execute("UPDATE batch_users SET users = ? WHERE batch = ?", (changed, batch))
    return f"row {batch}:"


def change_hit(connection: sqlite3.Connection, random: Random) -> str:
    symbol, quoted_ms, cryptokey = random.choice(
        connection.execute("SELECT symbol, quoted_ms, cryptokey FROM hit").fetchall()
    )
    change = random.choice(["SET place = place + 1", "SET is_unused = 1 - is_unused"])
    connection.execute(
        f"UPDATE hit {change} WHERE symbol = ? AND quoted_ms = ? AND cryptokey = ?",
        (symbol, quoted_ms, cryptokey),
    )
    return f"hit {symbol} at {quoted_ms}"


def change_position(connection: sqlite3.Connection, random: Random) -> str:
    name = random.choice([STREAM, HITS, EVENTS])
    change = random.choice([-1, 1, 100])
    sql = "UPDATE stream SET last_number = last_number + ? WHERE name = ?"
    connection.execute(sql, (change, name))
    return f"stream {name}"


def rename_stream(connection: sqlite3.Connection, random: Random) -> str:
    name = random.choice([STREAM, HITS])
    sql = "UPDATE stream SET name = replace(name, '-1', '-9') WHERE name = ?"
    connection.execute(sql, (name,))
    return "row "


ROW_EDITS: list[Callable[[sqlite3.Connection, Random], str]] = [
    flip_content,
    flip_event,
    flip_link,
    delete_row,
    swap_rows,
    move_row,
    swap_entries_and_rechain,
    change_entry_and_rechain,
    cut_short,
    forge_bearers,
    forget_user,
    change_hit,
    change_position,
    rename_stream,
]


def edit_rows(stage: Stage, random: Random) -> str:
    """Change something in the tables of the log."""
    with closing(connect(stage.path)) as connection:
        return random.choice(ROW_EDITS)(connection, random)


def edit_ledger(stage: Stage, random: Random) -> str:
    """Change something in an account or in the journal."""
    return random.choice([_edit_account, _edit_journal])(stage.ledger, random)


def _edit_account(ledger: MemoryLedger, random: Random) -> str:
    account = ledger.accounts[random.choice(sorted(ledger.accounts))]
    edits: list[Callable[[], object]] = [
        lambda: setattr(account, "cash_cents", account.cash_cents + random.choice([-1, 1])),
        lambda: setattr(account, "reserve_cents", account.reserve_cents + 1),
        lambda: setattr(account, "seq", account.seq + random.choice([-1, 1])),
        lambda: setattr(account, "decided_ms", account.decided_ms + 1),
        lambda: setattr(account, "exists", not account.exists),
        lambda: account.holdings.update(QQ=5),
        lambda: ledger.accounts.pop(account.user),
    ]
    if any(account.holdings.values()):
        edits.append(account.holdings.clear)
    for kept in (account.buys, account.sells, account.buy_triggers, account.sell_triggers):
        if kept:
            edits.append(kept.clear)
    for triggers in (account.buy_triggers, account.sell_triggers):
        for symbol, trigger in triggers.items():
            dearer = replace(trigger, price_cents=trigger.price_cents + 1)
            edits.append(partial(triggers.__setitem__, symbol, dearer))
    random.choice(edits)()
    return account.user


def _edit_journal(ledger: MemoryLedger, random: Random) -> str:
    entries = ledger.stream_entries[STREAM]
    place = random.randrange(len(entries) - 1)
    command_id = decode_entry(entries[place]).command_id
    what = random.choice(["flip", "delete", "swap", "cut", "forget"])
    if what == "flip":
        entries[place] = flipped(entries[place], random)
    elif what == "delete":
        del entries[place]
    elif what == "swap":
        entries[place : place + 2] = entries[place + 1], entries[place]
    elif what == "cut":
        del entries[place:]
        ledger.streams[STREAM].last_number = place
    else:
        del ledger.journal[command_id]
    return f"entry {place + 1}"


def edit_bytes(stage: Stage, random: Random) -> str:
    """Change a bit of the file, or cut it short; where no table shows it, try again."""
    before, content = told_by(stage.path), stage.path.read_bytes()
    while told_by(stage.path) == before:
        if random.random() < 0.2:
            stage.path.write_bytes(content[: random.randrange(len(content))])
        else:
            stage.path.write_bytes(flipped(content, random))
    return ""


def told_by(path: Path) -> object:
    """All that the tables of a file hold, or None where they cannot be read."""
    tables = ("log", "link", "batch", "security", "batch_users", "hit", "stream")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
            return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
    except sqlite3.Error:
        return None
