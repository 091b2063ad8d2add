"""Accounts, holdings, pending orders and triggers: the rules, and the store they live in.

May be imported by everything above `protocol`. The rules are pure: they take an account, a command,
a price and a time, and never look at a clock, a socket or a database.
"""
