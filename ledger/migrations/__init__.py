"""The schema of the ledger in Postgres, as numbered SQL files that never change once released."""
