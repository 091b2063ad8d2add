-- Who of several processes does a job that only one may do; the others stand by.
CREATE TABLE lease (
    name       text COLLATE "C" PRIMARY KEY,
    holder     text COLLATE "C" NOT NULL,
    renewed_at timestamptz NOT NULL            -- by this database's clock alone
) WITH (fillfactor = 10);
