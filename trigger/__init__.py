"""The trigger service: watches prices and carries out the triggers that they meet.

Imports `protocol`, `ledger`, `service`, `quote_proxy` and `audit`. It writes to the ledger itself,
under locks, so that a trigger fires once however many services run.
"""
