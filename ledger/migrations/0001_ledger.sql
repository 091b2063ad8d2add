-- The ledger. Every table is keyed by user first, so that it can be spread over machines by user.
-- Money is in cents, times are Unix milliseconds, user names and symbols are plain ASCII.

-- One row for each user of whom anything was journalled, an account or not.
CREATE TABLE account (
    user_name      text COLLATE "C" PRIMARY KEY,
    opened         boolean NOT NULL,          -- false until the first ADD was accepted
    seq            bigint  NOT NULL,          -- number of the user's newest journal entry: the version
    decided_ms     bigint  NOT NULL,          -- when that entry was decided
    cash_cents     bigint  NOT NULL CHECK (cash_cents >= 0),
    reserve_cents  bigint  NOT NULL CHECK (reserve_cents >= 0),
    pending        bytea   NOT NULL,          -- MessagePack [buys, sells], newest last
    lapse_check_ms bigint  NOT NULL           -- no pending order lapses before this; 0: none pends
) WITH (fillfactor = 60);                     -- room on the page keeps updates out of the indexes

CREATE INDEX account_lapse ON account (lapse_check_ms) WHERE lapse_check_ms > 0;

CREATE TABLE holding (
    user_name text COLLATE "C" NOT NULL,
    symbol    text COLLATE "C" NOT NULL,
    shares    bigint NOT NULL CHECK (shares >= 0),   -- free to sell
    PRIMARY KEY (user_name, symbol)
) WITH (fillfactor = 80);

CREATE TABLE standing_trigger (
    user_name       text COLLATE "C" NOT NULL,
    symbol          text COLLATE "C" NOT NULL,
    side            text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
    amount_cents    bigint NOT NULL CHECK (amount_cents > 0),
    price_cents     bigint NOT NULL CHECK (price_cents >= 0),   -- 0: not armed
    shares          bigint NOT NULL CHECK (shares >= 0),        -- set aside by an armed sell
    armed_by        bytea  NOT NULL,                            -- command id
    transaction_num bigint NOT NULL,
    armed_ms        bigint NOT NULL,
    PRIMARY KEY (user_name, symbol, side)
);

CREATE INDEX standing_trigger_armed ON standing_trigger (symbol, side, price_cents)
    WHERE price_cents > 0;

-- A stream is a numbered sequence of journal entries with one writer at a time.
CREATE TABLE stream (
    stream_key  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text COLLATE "C" NOT NULL UNIQUE,
    epoch       bigint NOT NULL,     -- grows with each opening: an older writer is fenced
    last_number bigint NOT NULL,
    last_ms     bigint NOT NULL
) WITH (fillfactor = 10);

-- One row for each decision: idempotency record, history and audit outbox in one.
CREATE TABLE journal (
    user_name  text COLLATE "C" NOT NULL,
    seq        bigint  NOT NULL,
    command_id uuid    NOT NULL,
    stream_key integer NOT NULL,
    number     bigint  NOT NULL,
    entry      bytea   NOT NULL,     -- MessagePack, see ledger/entry.py
    PRIMARY KEY (user_name, seq)
);

ALTER TABLE journal ALTER COLUMN entry SET STORAGE PLAIN;
CREATE UNIQUE INDEX journal_command ON journal (command_id);
-- Numbers grow with the table, so a summary of its pages finds what the audit daemon still lacks.
CREATE INDEX journal_number ON journal USING brin (stream_key, number)
    WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE credential (
    name     text COLLATE "C" PRIMARY KEY,
    verifier jsonb NOT NULL                      -- SCRAM; no password can be had from it
);

-- Numbers of transactions that no workload file numbered.
CREATE SEQUENCE transaction_number;

-- Write a batch: all accounts whose version is the expected one, with their journal entries.
-- Returns the users whose version is another one; nothing was written for them.
CREATE FUNCTION apply_batch(
    p_stream integer, p_epoch bigint, p_first bigint, p_has_new boolean,
    a_user text[], a_expected bigint[], a_opened boolean[], a_seq bigint[], a_decided bigint[],
    a_cash bigint[], a_reserve bigint[], a_pending bytea[], a_lapse bigint[],
    h_user text[], h_symbol text[], h_shares bigint[],
    t_user text[], t_symbol text[], t_side text[], t_amount bigint[], t_price bigint[],
    t_shares bigint[], t_armed_by bytea[], t_transaction bigint[], t_armed_ms bigint[],
    j_user text[], j_seq bigint[], j_id uuid[], j_entry bytea[]
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    written    text[];
    inserted   text[];
    conflicted text[] := '{}';
    entries    bigint;
    newest_ms  bigint;
BEGIN
    -- The users come sorted, so that two writers lock in the same order.
    WITH changed AS (
        UPDATE account a
        SET opened = u.opened, seq = u.seq, decided_ms = u.decided, cash_cents = u.cash,
            reserve_cents = u.reserve, pending = u.pending, lapse_check_ms = u.lapse
        FROM unnest(a_user, a_expected, a_opened, a_seq, a_decided, a_cash, a_reserve, a_pending,
                    a_lapse)
            AS u(user_name, expected, opened, seq, decided, cash, reserve, pending, lapse)
        WHERE a.user_name = u.user_name AND a.seq = u.expected
        RETURNING a.user_name, a.decided_ms
    )
    SELECT array_agg(user_name), max(decided_ms) INTO written, newest_ms FROM changed;

    IF p_has_new THEN
        WITH added AS (
            INSERT INTO account AS a
            SELECT u.user_name, u.opened, u.seq, u.decided, u.cash, u.reserve, u.pending, u.lapse
            FROM unnest(a_user, a_expected, a_opened, a_seq, a_decided, a_cash, a_reserve,
                        a_pending, a_lapse)
                AS u(user_name, expected, opened, seq, decided, cash, reserve, pending, lapse)
            WHERE u.expected = 0
            ON CONFLICT DO NOTHING
            RETURNING a.user_name, a.decided_ms
        )
        SELECT array_agg(user_name), greatest(newest_ms, max(decided_ms))
        INTO inserted, newest_ms FROM added;
        written := written || inserted;
    END IF;

    IF coalesce(cardinality(written), 0) < cardinality(a_user) THEN
        SELECT array_agg(u) INTO conflicted
        FROM unnest(a_user) AS u WHERE u <> ALL (coalesce(written, '{}'));
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
        SELECT u.user_name, u.seq, u.id, p_stream, p_first + u.place - 1, u.entry
        FROM unnest(j_user, j_seq, j_id, j_entry)
            WITH ORDINALITY AS u(user_name, seq, id, entry, place);
    ELSE
        INSERT INTO journal
        SELECT u.user_name, u.seq, u.id, p_stream,
               p_first - 1 + row_number() OVER (ORDER BY u.place), u.entry
        FROM unnest(j_user, j_seq, j_id, j_entry)
            WITH ORDINALITY AS u(user_name, seq, id, entry, place)
        WHERE u.user_name <> ALL (conflicted);
    END IF;
    GET DIAGNOSTICS entries = ROW_COUNT;

    UPDATE stream
    SET last_number = p_first - 1 + entries, last_ms = greatest(last_ms, newest_ms)
    WHERE stream_key = p_stream AND epoch = p_epoch AND last_number = p_first - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'stream % has another writer', p_stream USING ERRCODE = 'DT001';
    END IF;
    RETURN conflicted;
END
$$;
