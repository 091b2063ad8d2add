-- How far the audit log's chain of hashes was at a moment, signed by the audit daemon (Ed25519): the
-- copy outside of the log's own file that shows when that was cut short or written anew.
CREATE TABLE audit_head (
    log_id    bytea  NOT NULL,       -- which log; a restored or mended one has a new id
    number    bigint NOT NULL,       -- rows of the chain
    digest    bytea  NOT NULL,       -- SHA-256 over them, see audit/chain.py
    at_ms     bigint NOT NULL,       -- when it was signed
    signature bytea  NOT NULL,
    PRIMARY KEY (log_id, number)
);

CREATE INDEX audit_head_time ON audit_head (at_ms, number);
