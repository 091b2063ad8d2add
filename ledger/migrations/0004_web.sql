-- Who trades from a browser or the JSON API. Neither a password nor a token can be had from here.

CREATE TABLE web_user (
    name          text COLLATE "C" PRIMARY KEY,
    password_hash text    NOT NULL,              -- argon2id; the SCRAM twin is in credential
    role          text COLLATE "C" NOT NULL CHECK (role IN ('user', 'administrator')),
    created_ms    bigint  NOT NULL,
    must_change   boolean NOT NULL               -- an administrator chose the password
);

-- Looked up by the token that a request bears, before anybody knows whose it is.
CREATE TABLE web_session (
    token_hash bytea  PRIMARY KEY,               -- SHA-256 of the token
    user_name  text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('browser', 'api')),
    agent      text   NOT NULL,                  -- the browser's own name, for its user to see
    opened_ms  bigint NOT NULL,
    seen_ms    bigint NOT NULL,
    idle_ms    bigint NOT NULL,                  -- it ends when not seen for as long; 0: never
    expires_ms bigint NOT NULL
) WITH (fillfactor = 60);

CREATE INDEX web_session_user ON web_session (user_name);
CREATE INDEX web_session_expiry ON web_session (expires_ms);

-- How often something may be tried: a bucket that fills up again with time.
CREATE TABLE web_allowance (
    key     text COLLATE "C" PRIMARY KEY,
    full_ms bigint NOT NULL                      -- when it will be full again
) WITH (fillfactor = 60);

-- The number of a command that may be sent again under its id.
CREATE TABLE web_request (
    user_name       text COLLATE "C" NOT NULL,
    command_id      uuid   NOT NULL,
    transaction_num bigint NOT NULL DEFAULT nextval('transaction_number'),
    made_ms         bigint NOT NULL,
    PRIMARY KEY (user_name, command_id)
);

CREATE INDEX web_request_made ON web_request (made_ms);
