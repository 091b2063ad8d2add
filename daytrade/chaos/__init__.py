"""Chaos: a workload played on a stack whose parts are killed, frozen and starved meanwhile.

Used by the `daytrade` command; it may import everything.
"""
