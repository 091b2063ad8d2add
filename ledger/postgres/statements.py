"""The SQL that the store asks with; every value goes in as a parameter.

Used by `ledger.postgres` alone.
"""

from ledger.postgres.rows import ACCOUNT_COLUMNS

LOCK_ACCOUNTS = (
    "BEGIN; SELECT 1 FROM account WHERE user_name = ANY (%s::text[]) "
    "ORDER BY user_name FOR UPDATE; "
)
FROM_ACCOUNT = "SELECT" + ACCOUNT_COLUMNS + "FROM account a "
SELECT_ACCOUNTS = FROM_ACCOUNT + "WHERE a.user_name = ANY (%s::text[])"
SELECT_NEXT_ACCOUNTS = FROM_ACCOUNT + "WHERE a.user_name > %s ORDER BY a.user_name LIMIT %s"
SELECT_SEQS = "SELECT user_name, seq FROM account WHERE user_name = ANY (%s::text[])"
SELECT_ARMED = (
    "SELECT symbol, side, price_cents, user_name, armed_ms, transaction_num "
    "FROM standing_trigger WHERE price_cents > 0 "
)
ARMED_SINCE = "AND armed_ms >= %s"
AMONG_TRIGGERS = (
    "AND (user_name, symbol, side) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))"
)

_CHAIN_FROM = """
WITH RECURSIVE line AS (
    SELECT seq, prev_id, entry FROM journal WHERE command_id = {newest}
    UNION ALL
    SELECT j.seq, j.prev_id, j.entry FROM line JOIN journal j ON j.command_id = line.prev_id
)
SELECT entry FROM line
"""
"""A user's entries from one on, newest first; no more of them are looked up than are taken."""

# The newest line that is wanted, or one not far above it, is where the chain is taken up.
_AT_OR_ABOVE = """coalesce(
    (SELECT command_id FROM journal
     WHERE user_name = %s AND seq %% 16 = 0 AND seq >= %s ORDER BY seq LIMIT 1),
    (SELECT last_id FROM account WHERE user_name = %s))
"""
SELECT_HISTORY = _CHAIN_FROM.format(newest=_AT_OR_ABOVE) + "WHERE seq < %s LIMIT %s"
SELECT_CHAIN = _CHAIN_FROM.format(newest="%s") + "ORDER BY seq"
CLAIM_LEASE = """
INSERT INTO lease VALUES (%s, %s, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, renewed_at = clock_timestamp()
WHERE lease.holder = excluded.holder
   OR lease.renewed_at < clock_timestamp() - %s * interval '1 millisecond'
RETURNING holder
"""
