-- Write a batch as apply_batch does, at less cost: the entries come as one string of bytes and are cut
-- out of it, and who was written is looked at only where somebody was not.
-- Nodes of before this migration go on with apply_batch.
CREATE FUNCTION write_batch(
    p_stream integer, p_epoch bigint, p_first bigint, p_newest_ms bigint, p_has_new boolean,
    a_user text[], a_expected bigint[], a_opened boolean[], a_seq bigint[], a_decided bigint[],
    a_cash bigint[], a_reserve bigint[], a_pending bytea[], a_lapse bigint[],
    h_user text[], h_symbol text[], h_shares bigint[],
    t_user text[], t_symbol text[], t_side text[], t_amount bigint[], t_price bigint[],
    t_shares bigint[], t_armed_by bytea[], t_transaction bigint[], t_armed_ms bigint[],
    j_user text[], j_seq bigint[], j_id uuid[], j_at integer[], j_bytes integer[], p_entries bytea
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
        reserve_cents = u.reserve, pending = u.pending, lapse_check_ms = u.lapse
    FROM unnest(a_user, a_expected, a_opened, a_seq, a_decided, a_cash, a_reserve, a_pending,
                a_lapse)
        AS u(user_name, expected, opened, seq, decided, cash, reserve, pending, lapse)
    WHERE a.user_name = u.user_name AND a.seq = u.expected;
    GET DIAGNOSTICS written = ROW_COUNT;

    IF p_has_new THEN
        INSERT INTO account
        SELECT u.user_name, u.opened, u.seq, u.decided, u.cash, u.reserve, u.pending, u.lapse
        FROM unnest(a_user, a_expected, a_opened, a_seq, a_decided, a_cash, a_reserve, a_pending,
                    a_lapse)
            AS u(user_name, expected, opened, seq, decided, cash, reserve, pending, lapse)
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
        DELETE FROM standing_trigger s
        USING unnest(t_user, t_symbol, t_side, t_amount) AS u(user_name, symbol, side, amount)
        WHERE s.user_name = u.user_name AND s.symbol = u.symbol AND s.side = u.side
          AND u.amount = 0 AND u.user_name <> ALL (conflicted);
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
        SELECT u.user_name, u.seq, u.id, p_stream, p_first + u.place - 1,
               substring(p_entries FROM u.at FOR u.bytes)
        FROM unnest(j_user, j_seq, j_id, j_at, j_bytes)
            WITH ORDINALITY AS u(user_name, seq, id, at, bytes, place);
    ELSE
        INSERT INTO journal
        SELECT u.user_name, u.seq, u.id, p_stream,
               p_first - 1 + row_number() OVER (ORDER BY u.place),
               substring(p_entries FROM u.at FOR u.bytes)
        FROM unnest(j_user, j_seq, j_id, j_at, j_bytes)
            WITH ORDINALITY AS u(user_name, seq, id, at, bytes, place)
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
