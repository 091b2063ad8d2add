"""The audit log: journal entries kept for good, told as XML, and checked against the ledger.

May be imported by nodes, the trigger service, the generator and the command line; imports
`protocol`, `ledger` and `service`. What the daemon has acknowledged is durable and never changes.
"""
