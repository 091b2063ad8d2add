"""What a ledger may hold before a benchmark begins: shares, armed triggers, a long journal.

Used by `benchmarks.growth`. Written straight into Postgres, so such a ledger is no replay of its
log and is not to be verified.
"""

import time
from collections.abc import Sequence
from itertools import islice, product
from string import ascii_uppercase

import psycopg2
from msgspec import Struct

from ledger.postgres.rows import encode_pending
from trigger.trading import RESYNC_S

_ENTRY_BYTES = 150
_ROWS_AT_A_TIME = 1_000_000
_OTHER_USERS = 10_000
_NOTHING_PENDING = encode_pending(([], []))


class Furnishing(Struct, frozen=True):
    """How much of each there is.

    :ivar holdings: stocks that each of the benchmark's users holds.
    :ivar triggers: armed by other users, on stocks of the market, and never met.
    :ivar journal_rows: entries of other users.
    """

    holdings: int = 0
    triggers: int = 0
    journal_rows: int = 0


def furnish(dsn: str, furnishing: Furnishing, users: Sequence[str], market: Sequence[str]) -> None:
    """Fill the ledger of a stack that runs and has not traded yet.

    :param users: the names of the benchmark's users; `market` the stocks that they trade.
    """
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        if furnishing.holdings:
            held = {"symbols": _symbols(furnishing.holdings), "pending": _NOTHING_PENDING}
            cursor.execute(_HOLD, held | {"users": list(users)})
        if furnishing.triggers:
            cursor.execute(_ARM, {"count": furnishing.triggers, "symbols": list(market)})
    if furnishing.triggers:
        time.sleep(RESYNC_S + 2)  # Until the trigger service has looked.
    if furnishing.journal_rows:
        _write_journal(dsn, furnishing.journal_rows)


def _symbols(count: int) -> list[str]:
    return ["".join(letters) for letters in islice(product(ascii_uppercase, repeat=3), count)]


def _write_journal(dsn: str, rows: int) -> None:
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(_OTHER_STREAM)
        (stream_key,) = cursor.fetchone() or (0,)
        for first in range(1, rows + 1, _ROWS_AT_A_TIME):
            last = min(rows, first + _ROWS_AT_A_TIME - 1)
            span = {"first": first, "last": last, "stream": stream_key}
            cursor.execute(_WRITE, span | {"bytes": _ENTRY_BYTES, "users": _OTHER_USERS})
            connection.commit()


_HOLD = """
WITH account_row AS (
    INSERT INTO account
    SELECT u, true, 1, 0, 100000, 0, %(pending)s, 0 FROM unnest(%(users)s::text[]) AS u
)
INSERT INTO holding
SELECT u, s, 10 FROM unnest(%(users)s::text[]) AS u, unnest(%(symbols)s::text[]) AS s
"""

_ARM = """
INSERT INTO standing_trigger
SELECT 'trigger' || n, (%(symbols)s::text[])[1 + n %% cardinality(%(symbols)s::text[])], 'buy',
       100, 1, 0, decode(lpad(to_hex(n), 32, '0'), 'hex'), n,
       (extract(epoch FROM clock_timestamp()) * 1000)::bigint
FROM generate_series(1, %(count)s) AS n
"""

# It counts as empty: the audit daemon is not to wait for these entries.
_OTHER_STREAM = """
INSERT INTO stream (name, epoch, last_number, last_ms) VALUES ('growth/0', 1, 0, 0)
RETURNING stream_key
"""

# The ids of clients begin with their time, and so come after these.
_WRITE = """
INSERT INTO journal
SELECT 'other' || n %% %(users)s, 1 + n / %(users)s, lpad(to_hex(n), 32, '0')::uuid, %(stream)s, n,
       decode(repeat('00', %(bytes)s), 'hex'),
       CASE WHEN n > %(users)s THEN lpad(to_hex(n - %(users)s), 32, '0')::uuid END
FROM generate_series(%(first)s, %(last)s) AS n
"""
