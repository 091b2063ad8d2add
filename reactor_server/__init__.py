"""One trading node: sessions, the order of each user's commands, group commit, replies.

Imports `protocol`, `ledger`, `service`, `quote_proxy` and `audit`. A node keeps no state that
Postgres does not have: any node may serve any user, and may die at any moment.
"""
