"""Prices: the client of the legacy quote server, the coalescing cache, and the server's double.

Imports `protocol` and `service`. The fewest possible hits, and never a stale or wrong price.
"""
