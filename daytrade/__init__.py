"""The `daytrade` command, and the stack that runs everything on one machine.

Nobody imports this but tests; it may import everything.
"""
