-- A user's history is a chain: every entry names the user's entry before it, and the account the newest.
-- An index that has every entry cost a fifth of what Postgres does for a command; this one has each
-- sixteenth, from which the chain is followed.
ALTER TABLE account ADD COLUMN last_id uuid;
ALTER TABLE journal ADD COLUMN prev_id uuid;

UPDATE journal j SET prev_id = chain.prev_id
FROM (SELECT command_id, lag(command_id) OVER (PARTITION BY user_name ORDER BY seq) AS prev_id
      FROM journal) AS chain
WHERE j.command_id = chain.command_id AND chain.prev_id IS NOT NULL;

UPDATE account a SET last_id = j.command_id
FROM journal j WHERE j.user_name = a.user_name AND j.seq = a.seq;

ALTER TABLE journal DROP CONSTRAINT journal_pkey;
CREATE INDEX journal_milestone ON journal (user_name, seq) WHERE seq % 16 = 0;

-- Every update leaves an old row behind; the more room there is, the more of them go at once.
ALTER TABLE account SET (fillfactor = 25);

-- A node of before this migration would break the chain, and can write no more.
DROP FUNCTION apply_batch, write_batch;

-- Write a batch: all accounts whose version is the expected one, with their journal entries, which come
-- as one string of bytes. Returns the users whose version is another one; nothing was written for them.
-- Pending orders that stay as they are come as NULL. Arrays side by side in a SELECT are read in step,
-- without the copy that FROM would make of them.
CREATE FUNCTION write_batch(
    p_stream integer, p_epoch bigint, p_first bigint, p_newest_ms bigint, p_has_new boolean,
    a_user text[], a_expected bigint[], a_opened boolean[], a_seq bigint[], a_decided bigint[],
    a_cash bigint[], a_reserve bigint[], a_pending bytea[], a_lapse bigint[], a_newest integer[],
    h_user text[], h_symbol text[], h_shares bigint[],
    t_user text[], t_symbol text[], t_side text[], t_amount bigint[], t_price bigint[],
    t_shares bigint[], t_armed_by bytea[], t_transaction bigint[], t_armed_ms bigint[],
    j_user text[], j_seq bigint[], j_id uuid[], j_prev uuid[], j_at integer[], j_bytes integer[],
    p_entries bytea
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    written    bigint;
    inserted   bigint;
    conflicted text[] := '{}';
    entries    bigint;
BEGIN
    -- The users come sorted, so that two writers lock in the same order.
    UPDATE account a
    SET opened = u.opened, seq = u.seq, decided_ms = u.decided, cash_cents = u.cash,
        reserve_cents = u.reserve, pending = coalesce(u.pending, a.pending),
        lapse_check_ms = u.lapse, last_id = coalesce(j_id[u.newest], a.last_id)
    FROM (SELECT unnest(a_user) AS user_name, unnest(a_expected) AS expected,
                 unnest(a_opened) AS opened, unnest(a_seq) AS seq, unnest(a_decided) AS decided,
                 unnest(a_cash) AS cash, unnest(a_reserve) AS reserve,
                 unnest(a_pending) AS pending, unnest(a_lapse) AS lapse, unnest(a_newest) AS newest
         ) AS u
    WHERE a.user_name = u.user_name AND a.seq = u.expected;
    GET DIAGNOSTICS written = ROW_COUNT;

    IF p_has_new THEN
        INSERT INTO account
        SELECT u.user_name, u.opened, u.seq, u.decided, u.cash, u.reserve, u.pending, u.lapse,
               j_id[u.newest]
        FROM unnest(a_user, a_expected, a_opened, a_seq, a_decided, a_cash, a_reserve, a_pending,
                    a_lapse, a_newest)
            AS u(user_name, expected, opened, seq, decided, cash, reserve, pending, lapse, newest)
        WHERE u.expected = 0
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS inserted = ROW_COUNT;
        written := written + inserted;
    END IF;

    -- The rows that this transaction wrote bear its number.
    IF written < cardinality(a_user) THEN
        SELECT array_agg(u.user_name) INTO conflicted
        FROM unnest(a_user) AS u(user_name)
        WHERE NOT EXISTS (
            SELECT FROM account a
            WHERE a.user_name = u.user_name AND a.xmin = pg_current_xact_id()::xid
        );
        SELECT max(u.decided) INTO p_newest_ms
        FROM unnest(a_user, a_decided) AS u(user_name, decided)
        WHERE u.user_name <> ALL (conflicted);
    END IF;

    IF cardinality(h_user) > 0 THEN
        INSERT INTO holding AS h
        SELECT u.user_name, u.symbol, u.shares
        FROM unnest(h_user, h_symbol, h_shares) AS u(user_name, symbol, shares)
        WHERE u.user_name <> ALL (conflicted)
        ON CONFLICT (user_name, symbol) DO UPDATE SET shares = excluded.shares;
    END IF;

    -- A trigger that is gone comes with no amount.
    IF cardinality(t_user) > 0 THEN
        IF 0 = ANY (t_amount) THEN
            DELETE FROM standing_trigger s
            USING unnest(t_user, t_symbol, t_side, t_amount) AS u(user_name, symbol, side, amount)
            WHERE s.user_name = u.user_name AND s.symbol = u.symbol AND s.side = u.side
              AND u.amount = 0 AND u.user_name <> ALL (conflicted);
        END IF;
        INSERT INTO standing_trigger AS s
        SELECT u.*
        FROM unnest(t_user, t_symbol, t_side, t_amount, t_price, t_shares, t_armed_by,
                    t_transaction, t_armed_ms)
            AS u(user_name, symbol, side, amount, price, shares, armed_by, transaction, armed_ms)
        WHERE u.amount > 0 AND u.user_name <> ALL (conflicted)
        ON CONFLICT (user_name, symbol, side) DO UPDATE
        SET amount_cents = excluded.amount_cents, price_cents = excluded.price_cents,
            shares = excluded.shares, armed_by = excluded.armed_by,
            transaction_num = excluded.transaction_num, armed_ms = excluded.armed_ms;
    END IF;

    IF cardinality(conflicted) = 0 THEN
        INSERT INTO journal
        SELECT u.user_name, u.seq, u.id, p_stream, u.number,
               substring(p_entries FROM u.at FOR u.bytes),
               CASE WHEN u.seq > 1 THEN u.prev END
        FROM (SELECT unnest(j_user) AS user_name, unnest(j_seq) AS seq, unnest(j_id) AS id,
                     unnest(j_prev) AS prev, unnest(j_at) AS at, unnest(j_bytes) AS bytes,
                     generate_series(p_first, p_first + cardinality(j_seq) - 1) AS number
             ) AS u;
    ELSE
        INSERT INTO journal
        SELECT u.user_name, u.seq, u.id, p_stream,
               p_first - 1 + row_number() OVER (ORDER BY u.place),
               substring(p_entries FROM u.at FOR u.bytes),
               CASE WHEN u.seq > 1 THEN u.prev END
        FROM unnest(j_user, j_seq, j_id, j_prev, j_at, j_bytes)
            WITH ORDINALITY AS u(user_name, seq, id, prev, at, bytes, place)
        WHERE u.user_name <> ALL (conflicted);
    END IF;
    GET DIAGNOSTICS entries = ROW_COUNT;

    UPDATE stream
    SET last_number = p_first - 1 + entries, last_ms = greatest(last_ms, p_newest_ms)
    WHERE stream_key = p_stream AND epoch = p_epoch AND last_number = p_first - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'stream % has another writer', p_stream USING ERRCODE = 'DT001';
    END IF;
    RETURN conflicted;
END
$$;
