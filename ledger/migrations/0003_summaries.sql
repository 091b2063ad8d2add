-- Pages of the journal are summarized when somebody looks for entries in it: Postgres's own requests
-- for that overflow under load, and each one that does writes the whole statement to the log.
ALTER INDEX journal_number SET (autosummarize = off);
