"""Takes the newest entries of a stream back out of a ledger that nobody uses.

Used by a restore: Postgres can be brought back to the end of a transaction only, and one
transaction holds the decisions of a whole batch. An account of which entries go is decided anew
from those that stay. Blocks.
"""

from typing import Any

from psycopg2.extensions import connection as Connection

from ledger.account import Account, Side
from ledger.entry import decode_entry
from ledger.postgres.rows import encode_pending
from ledger.postgres.statements import SELECT_CHAIN
from ledger.redeciding import Redecider


def trim_stream(connection: Connection, stream: str, last_number: int) -> int:
    """Take out all entries of a stream after `last_number`, in one transaction.

    They must be the newest of their users. Returns how many there were; raises `Contradiction` and
    psycopg2's errors, and then nothing was changed.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM journal USING stream WHERE stream.name = %s AND number > %s"
            " AND journal.stream_key = stream.stream_key RETURNING user_name, seq, prev_id",
            [stream, last_number],
        )
        removed = sorted(cursor.fetchall(), reverse=True)
        newest_left = {user: last_id for user, _, last_id in removed}
        for user, last_id in newest_left.items():
            _write(cursor, _redecided(cursor, user, last_id), last_id)
        cursor.execute(
            "SELECT entry FROM journal JOIN stream USING (stream_key)"
            " WHERE name = %s AND number = %s",
            [stream, last_number],
        )
        row = cursor.fetchone()
        last_ms = 0 if row is None else decode_entry(bytes(row[0])).decided_ms
        cursor.execute(
            "UPDATE stream SET last_number = %s, last_ms = %s WHERE name = %s",
            [last_number, last_ms, stream],
        )
    return len(removed)


def _redecided(cursor: Any, user: str, last_id: str) -> Account:
    """The account as the entries up to this one made it."""
    cursor.execute(SELECT_CHAIN, [last_id])
    redecider = Redecider(user)
    for (encoded,) in cursor:
        redecider.take(decode_entry(bytes(encoded)))
    return redecider.account


def _write(cursor: Any, account: Account, last_id: str) -> None:
    """Let the tables hold exactly this account."""
    for table in ("account", "holding", "standing_trigger"):
        cursor.execute(f"DELETE FROM {table} WHERE user_name = %s", [account.user])  # noqa: S608
    if not account.seq:
        return
    cursor.execute(
        "INSERT INTO account (user_name, opened, seq, decided_ms, cash_cents, reserve_cents,"
        " pending, lapse_check_ms, last_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(account.user, account.exists, account.seq, account.decided_ms),
            *(account.cash_cents, account.reserve_cents),
            *(encode_pending((account.buys, account.sells)), account.lapse_check_ms, last_id),
        ],
    )
    for symbol, shares in account.holdings.items():
        cursor.execute("INSERT INTO holding VALUES (%s, %s, %s)", [account.user, symbol, shares])
    for side in Side:
        for trigger in account.triggers(side).values():
            cursor.execute(
                "INSERT INTO standing_trigger (user_name, symbol, side, amount_cents, price_cents,"
                " shares, armed_by, transaction_num, armed_ms)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    *(account.user, trigger.symbol, side.value, trigger.amount_cents),
                    *(trigger.price_cents, trigger.shares, trigger.armed_by),
                    *(trigger.transaction_num, trigger.armed_ms),
                ],
            )
