"""The ledger in PostgreSQL, through txpostgres. Nobody outside `ledger` sees that library."""
